"""A captured tree without any CPU folder."""

from pathlib import Path

from tests.unit.host.trees import CPU, smt_host, write


def make(folder: Path) -> None:
    files = smt_host()
    files = {path: text for path, text in files.items() if not path.startswith(CPU)}
    files["sys/devices/system/cpu/kernel_max"] = "63\n"
    write(folder / "tree", files)
