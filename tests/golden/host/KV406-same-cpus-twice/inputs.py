"""Two nodes that list the same CPUs, as broken firmware has it."""

from pathlib import Path

from tests.unit.host.trees import NODE, smt_host, write


def make(folder: Path) -> None:
    files = smt_host()
    for node in range(2):
        files[f"{NODE}/node{node}/cpulist"] = "0-7\n"
    write(folder / "tree", files)
