"""CPU 0 names CPU 4 as a sibling, CPU 4 names only itself."""

from pathlib import Path

from tests.unit.host.trees import CPU, smt_host, write


def make(folder: Path) -> None:
    files = smt_host()
    files[f"{CPU}/cpu4/topology/thread_siblings_list"] = "4\n"
    write(folder / "tree", files)
