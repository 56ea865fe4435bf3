"""Characters that nobody sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path) -> None:
    """Write the file."""
    content = b"kvmc: v1\nkind: vm\nname: we\x00b\nmemory: 1GiB \x1b[31m\ncpu: {count: 2}\n"
    (folder / "vm.yaml").write_bytes(content)
