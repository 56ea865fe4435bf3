"""CPUs 8 and 9 are online and have no folder."""

from pathlib import Path

from tests.unit.host.trees import CPU, smt_host, write


def make(folder: Path) -> None:
    files = smt_host()
    files[f"{CPU}/online"] = "0-9\n"
    write(folder / "tree", files)
