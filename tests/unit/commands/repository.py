"""A small repository: one host of four cores with two threads, and VMs in few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "kvmc: v1\nkind: vm\n"


def vm(name: str, count: int = 2, *lines: str, strategy: str | None = "dedicated") -> str:
    """Return the text of a spec; further lines stand at the end."""
    text = f"{HEAD}name: {name}\nmemory: 1GiB\ncpu: {{count: {count}}}\n"
    pin = f"pin: {{strategy: {strategy}}}\n" if strategy else ""
    return text + pin + "".join(f"{line}\n" for line in lines)


def host(name: str = "h", *lines: str, cores: int = 4) -> str:
    """Return the text of a host: cores n and n+cores on one node with one cache."""
    pairs = ", ".join(f"[{n}, {n + cores}]" for n in range(cores))
    return (
        f"kvmc: v1\nkind: host\nname: {name}\narch: x86_64\n"
        "nodes: [{id: 0, memory: 64GiB, distances: {0: 10}}]\n"
        f"cores: [{{package: 0, node: 0, l3: 0, cpus: [{pairs}]}}]\n"
        + "".join(f"{line}\n" for line in lines)
    )


def write(folder: Path, **files: str) -> Path:
    """Write files named by path with `__` for a slash and no suffix: vms__a is vms/a.yaml."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder
