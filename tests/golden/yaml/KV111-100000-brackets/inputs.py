"""Brackets that no one closes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path) -> None:
    """Write the file."""
    content = b"kvmc: v1\nkind: vm\nname: " + b"[" * 100_000
    (folder / "vm.yaml").write_bytes(content)
