"""More %TAG lines than libyaml can compare in a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path) -> None:
    """Write the file."""
    content = b"".join(b"%%TAG !a%d! b\n" % number for number in range(250_000)) + b"---\na: 1\n"
    (folder / "vm.yaml").write_bytes(content)
