"""CPUs 3 and 7 belong to no node."""

from pathlib import Path

from tests.unit.host.trees import NODE, smt_host, write


def make(folder: Path) -> None:
    files = smt_host()
    files[f"{NODE}/node1/cpulist"] = "2,6\n"
    write(folder / "tree", files)
