"""Small host trees written by hand: a dict of path -> text stands for a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CPU = "sys/devices/system/cpu"
NODE = "sys/devices/system/node"


class DictTree:
    """`kvmc.host.tree.Tree` over a dict."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files
        self.folders: dict[str, set[str]] = {}
        for path in files:
            parts = path.split("/")
            for depth in range(1, len(parts)):
                self.folders.setdefault("/".join(parts[:depth]), set()).add(parts[depth])

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def list(self, path: str) -> tuple[str, ...]:
        return tuple(sorted(self.folders.get(path, ())))


def smt_host() -> dict[str, str]:
    """8 CPUs: 2 packages that are nodes with an L3 each, of 2 cores with threads N and N+4."""
    files = {
        f"{CPU}/online": "0-7\n",
        f"{CPU}/present": "0-7\n",
        f"{CPU}/isolated": "\n",
        f"{NODE}/online": "0-1\n",
        "proc/cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\n"
        "model name\t: Test CPU @ 2.00GHz\nflags\t\t: fpu lm\n",
    }
    packages = ("0-1,4-5", "2-3,6-7")
    for cpu in range(8):
        package = cpu % 4 // 2
        files |= cpu_files(
            cpu,
            siblings=f"{cpu % 4},{cpu % 4 + 4}",
            package=package,
            package_cpus=packages[package],
        )
        files |= cache(cpu, 3, 3, packages[package])
    for node in range(2):
        folder = f"{NODE}/node{node}"
        files[f"{folder}/cpulist"] = packages[node] + "\n"
        files[f"{folder}/meminfo"] = f"Node {node} MemTotal:       {1024 * (node + 1)} kB\n"
        files[f"{folder}/distance"] = ("10 21\n", "21 10\n")[node]
        files[f"{folder}/hugepages/hugepages-2048kB/nr_hugepages"] = "4\n"
    return files


def cpu_files(cpu: int, *, siblings: str, package: int, package_cpus: str) -> dict[str, str]:
    folder = f"{CPU}/cpu{cpu}/topology"
    return {
        f"{folder}/thread_siblings_list": siblings + "\n",
        f"{folder}/physical_package_id": f"{package}\n",
        f"{folder}/core_siblings_list": package_cpus + "\n",
        f"{folder}/core_id": "0\n",
    }


def cache(cpu: int, index: int, level: int, shared: str, kind: str = "Unified") -> dict[str, str]:
    folder = f"{CPU}/cpu{cpu}/cache/index{index}"
    return {
        f"{folder}/level": f"{level}\n",
        f"{folder}/type": kind + "\n",
        f"{folder}/shared_cpu_list": shared + "\n",
    }


def plain(count: int) -> dict[str, str]:
    """As many CPUs without SMT, all in one package, nothing else."""
    files = {f"{CPU}/online": f"0-{count - 1}\n"}
    for cpu in range(count):
        files |= cpu_files(cpu, siblings=str(cpu), package=0, package_cpus=f"0-{count - 1}")
    return files


def write(root: Path, files: dict[str, str]) -> Path:
    """Make a real folder of a tree; return it."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root
