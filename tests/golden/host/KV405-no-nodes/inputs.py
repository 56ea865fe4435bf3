"""A kernel without NUMA shows no node folder."""

from pathlib import Path

from tests.unit.host.trees import NODE, smt_host, write


def make(folder: Path) -> None:
    files = smt_host()
    files = {path: text for path, text in files.items() if not path.startswith(NODE)}
    write(folder / "tree", files)
