"""A file over the size bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path) -> None:
    """Write the file."""
    content = b"# padding\n" * 524288
    (folder / "vm.yaml").write_bytes(content)
