"""A file as a Windows editor may save it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path) -> None:
    """Write the file."""
    content = "kvmc: v1\nkind: vm\n".encode("utf-16")
    (folder / "vm.yaml").write_bytes(content)
