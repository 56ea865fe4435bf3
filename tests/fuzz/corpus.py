"""Seeds: the examples and goldens of this repository, as folders of bytes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from tests.support.paths import EXAMPLES, GOLDEN

if TYPE_CHECKING:
    from pathlib import Path

Folder: TypeAlias = dict[str, bytes]
"""Relative path -> content."""

_BIG = 200_000
_HARNESS = ("cmd", "expected.txt", "stdin", "inputs.py")


@cache
def repositories() -> tuple[Folder, ...]:
    """Return every example and golden that holds YAML, smallest names first."""
    folders = sorted(p.parent for root in (EXAMPLES, GOLDEN) for p in root.rglob("cmd"))
    read = (_read(folder) for folder in folders)
    return tuple(f for f in read if any(name.endswith(".yaml") for name in f))


@cache
def with_lock() -> tuple[Folder, ...]:
    """Return those that hold a lock."""
    return tuple(f for f in repositories() if any(n.endswith(".lock.yaml") for n in f))


@cache
def xml(root: str) -> tuple[bytes, ...]:
    """Return the XML files of the goldens whose root element is `root`."""
    found = (p.read_bytes() for p in sorted(GOLDEN.rglob("*.xml")))
    return tuple(x for x in found if b"<" + root.encode() in x)


def _read(folder: Path) -> Folder:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink())
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in files
        if p.name not in _HARNESS and p.stat().st_size < _BIG
    }


def write(folder: Path, files: Folder) -> None:
    """Write a repository below a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
