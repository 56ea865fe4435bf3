"""Two threads of one core on two nodes."""

from pathlib import Path

from tests.unit.host.trees import NODE, smt_host, write


def make(folder: Path) -> None:
    files = smt_host()
    files[f"{NODE}/node0/cpulist"] = "0-1,5\n"
    files[f"{NODE}/node1/cpulist"] = "2-4,6-7\n"
    write(folder / "tree", files)
