"""A letter in Latin-1."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path) -> None:
    """Write the file."""
    content = "kvmc: v1\nkind: vm\nname: café\n".encode("latin-1")
    (folder / "vm.yaml").write_bytes(content)
