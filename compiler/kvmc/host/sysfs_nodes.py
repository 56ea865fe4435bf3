"""The NUMA nodes of a sysfs tree: CPUs, memory, huge pages, distances."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet
from kvmc.host.facts import NodeFacts

if TYPE_CHECKING:
    from kvmc.host.tree import Reader

NODE = "sys/devices/system/node"
_MEM_TOTAL = re.compile(r"^(?:Node\s+[0-9]+\s+)?MemTotal:\s+([0-9]{1,15})\s+kB\s*$", re.MULTILINE)
_HUGE = re.compile(r"hugepages-([0-9]{1,12})kB\Z")


def read_nodes(reader: Reader) -> tuple[NodeFacts, ...]:
    """Return the nodes, ascending by id; () for a kernel without NUMA."""
    ids = reader.numbered(NODE, "node")
    online = tuple(reader.cpus(f"{NODE}/online") or ())
    return tuple(
        NodeFacts(
            id=node,
            cpus=_cpus(reader, node),
            memory_kib=_memory(reader, f"{NODE}/node{node}/meminfo"),
            hugepages=_hugepages(reader, f"{NODE}/node{node}/hugepages"),
            distances=_distances(reader, node, online, ids),
        )
        for node in ids
    )


def machine_memory(reader: Reader) -> int | None:
    """Return MemTotal of /proc/meminfo in KiB, None when unknown."""
    return _memory(reader, "proc/meminfo")


def machine_hugepages(reader: Reader) -> tuple[tuple[int, int], ...]:
    """Return (size in KiB, pages) of the whole machine."""
    return _hugepages(reader, "sys/kernel/mm/hugepages")


def _cpus(reader: Reader, node: int) -> CpuSet:
    """Return the node's CPUs: cpulist, cpumap, or the cpuN links of the folder."""
    folder = f"{NODE}/node{node}"
    cpus = reader.cpus(f"{folder}/cpulist", f"{folder}/cpumap")
    return CpuSet(reader.numbered(folder, "cpu")) if cpus is None else cpus


def _memory(reader: Reader, path: str) -> int | None:
    text = reader.text(path)
    match = _MEM_TOTAL.search(text) if text else None
    return int(match[1]) if match else None


def _hugepages(reader: Reader, folder: str) -> tuple[tuple[int, int], ...]:
    found = []
    for name in reader.tree.list(folder):
        match = _HUGE.match(name)
        pages = reader.number(f"{folder}/{name}/nr_hugepages") if match else None
        if match and pages is not None and pages >= 0:
            found.append((int(match[1]), pages))
    return tuple(sorted(found))


def _distances(
    reader: Reader, node: int, online: tuple[int, ...], folders: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """Return (node, distance): the row has one entry for each online node, in their order."""
    path = f"{NODE}/node{node}/distance"
    row = (reader.text(path) or "").split()
    if not row:
        return ()
    order = next((ids for ids in (online, folders) if len(ids) == len(row)), None)
    if order is None or not all(_is_distance(entry) for entry in row):
        reader.bad.append(path)
        return ()
    return tuple(zip(order, map(int, row), strict=True))


def _is_distance(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 4  # noqa: PLR2004 - SLIT entries are bytes
