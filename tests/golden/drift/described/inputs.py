"""A machine of 8 CPUs, 2 nodes and SMT, on which no domain is defined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.fakehost import patch
from tests.unit.host.trees import NODE, smt_host, write

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make", "patch"]


def make(folder: Path) -> None:
    files = smt_host()
    for node in range(2):
        files[f"{NODE}/node{node}/meminfo"] = f"Node {node} MemTotal:       4200000 kB\n"
    write(folder / "machine", files)
    (folder / "libvirt").mkdir()
