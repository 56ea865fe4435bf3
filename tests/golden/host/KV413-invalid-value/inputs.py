"""A cpulist that is none."""

from pathlib import Path

from tests.unit.host.trees import NODE, smt_host, write


def make(folder: Path) -> None:
    files = smt_host()
    files[f"{NODE}/node1/cpulist"] = "two\n"
    write(folder / "tree", files)
