"""Which node a CPU belongs to: nodes claim CPUs in order, and each CPU has at most one node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet
from kvmc.diagnostics import note, warning
from kvmc.host.model import Node
from kvmc.host.tree import ignored
from kvmc.units import format_kib

if TYPE_CHECKING:
    from kvmc.diagnostics import Diagnostic, Place
    from kvmc.host.facts import Facts, NodeFacts

    _Pairs = tuple[tuple[int, int], ...]

_FARTHEST = 255
"""SLIT entries are bytes."""
_MOST_PAGES = 1 << 48
"""As the schema has it."""


def place_nodes(
    facts: Facts,
    online: CpuSet,
    place: Place,
) -> tuple[tuple[Node, ...], dict[int, int], tuple[Diagnostic, ...]]:
    """Return the nodes ascending, CPU -> node id, and what there is to say.

    A kernel without NUMA shows no node: then one node 0 stands for the whole machine. A node whose
    CPUs all belong to earlier nodes is a firmware error and is dropped, as hwloc does it. Distances
    that do not tell one value for each node, and pages that no machine has, are dropped (KV413):
    a host file could not hold them.
    """
    if not facts.nodes:
        return _single(facts, online, place)
    free, kept, owner, said = online, [], {}, []
    for node in facts.nodes:
        own = node.cpus & free
        if node.cpus & online and not own and not facts.overlaps:
            said.append(_duplicate(node, online, place))
            continue
        free = free - own
        owner.update(dict.fromkeys(own, node.id))
        kept.append(node)
    if free:
        said.append(
            warning(
                "KV407",
                f"CPUs {free} belong to no NUMA node",
                place,
                hint="guests with guest cells or pin.numa: require are not placed on them",
            )
        )
    ids = CpuSet(node.id for node in kept)
    bad: list[str] = []
    nodes = tuple(_node(node, ids, bad) for node in sorted(kept, key=lambda node: node.id))
    return nodes, owner, (*said, *ignored(bad, facts.file))


def _node(node: NodeFacts, ids: CpuSet, bad: list[str]) -> Node:
    """Return a node, and add what is wrong with it to `bad`."""
    row = tuple(sorted((to, far) for to, far in node.distances if to in ids))
    if row and ([to for to, _ in row] != list(ids) or max(far for _, far in row) > _FARTHEST):
        bad.append(f"the distances of node {node.id}")
        row = ()
    return Node(
        id=node.id,
        memory_kib=node.memory_kib,
        hugepages=_pages(node.hugepages, f"of node {node.id}", bad),
        distances=row,
    )


def _pages(found: _Pairs, where: str, bad: list[str]) -> _Pairs:
    """Return (size in KiB, number) of the pages that there can be."""
    known = {kib: n for kib, n in found if kib.bit_count() == 1 and n <= _MOST_PAGES}
    bad += [f"the pages of {format_kib(kib)} {where}" for kib, _ in found if kib not in known]
    return tuple(sorted(known.items()))


def _single(
    facts: Facts,
    online: CpuSet,
    place: Place,
) -> tuple[tuple[Node, ...], dict[int, int], tuple[Diagnostic, ...]]:
    bad: list[str] = []
    pages = _pages(facts.hugepages, "of the machine", bad)
    node = Node(id=0, memory_kib=facts.memory_kib, hugepages=pages)
    said = note(
        "KV405", "no NUMA node is described: node 0 is assumed for all CPUs and memory", place
    )
    return (node,), dict.fromkeys(online, 0), (said, *ignored(bad, facts.file))


def _duplicate(node: NodeFacts, online: CpuSet, place: Place) -> Diagnostic:
    memory = f", with its {node.memory_kib} KiB of memory," if node.memory_kib else ""
    return warning(
        "KV406",
        f"node {node.id} lists CPUs {node.cpus & online}, which all belong to other "
        f"nodes; it{memory} is left out",
        place,
        hint="check the NUMA settings of the firmware, or numa=fake on the kernel command line",
    )
