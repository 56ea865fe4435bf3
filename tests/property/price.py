"""The preferences of docs/planner.md: the tuple a plan is measured by."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

from tests.property.memory import elsewhere, items_of
from tests.property.seats import cache_of, count_allows, guest_core, parts, width

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmc.host.model import Host
    from tests.property.seats import Seating

ENTRIES = 9
"""Left out, moved, siblings shared, guest cores split, nodes, memory, caches, distance, spread."""
IMPOSSIBLE = 10**6
"""Stands for memory that keeps no rule; the judge reports that apart."""


def price(seatings: Iterable[Seating], left_out: int, host: Host) -> tuple[int, ...]:
    """Return the nine numbers; without a lock nothing is ever moved."""
    seatings = list(seatings)
    memory = elsewhere([item for s in seatings for item in items_of(s, host)], host)
    return (
        left_out,
        0,
        siblings_shared(seatings, host),
        sum(split(s, host) for s in seatings),
        sum(nodes_spent(s, host) for s in seatings),
        IMPOSSIBLE if memory is None else memory,
        sum(caches_used(s, host) for s in seatings),
        sum(distance(s, host) for s in seatings),
        fragmentation(seatings, host),
    )


def siblings_shared(seatings: Iterable[Seating], host: Host) -> int:
    """Over all cores: tenants - 1."""
    tenants = defaultdict(set)
    for s in seatings:
        core_of = guest_core(s.vm, host)
        for vcpu, cpu in s.vcpus.items():
            tenants[host.core_of[cpu]].add((s.vm.name, core_of[vcpu]))
        for cpu in s.extras:
            tenants[host.core_of[cpu]].add((s.vm.name, -1))
    return sum(len(names) - 1 for names in tenants.values())


def split(s: Seating, host: Host) -> int:
    """Guest cores of a `prefer` VM whose threads are not together, where the count allows."""
    if s.vm.pin.threads != "prefer" or not s.vcpus or not count_allows(s.vm, host):
        return 0
    wide = width(s.vm, host)
    homes = defaultdict(set)
    for vcpu, cpu in s.vcpus.items():
        homes[vcpu // wide].add(host.core_of[cpu])
    return sum(len(cores) > 1 for cores in homes.values())


def nodes_used(s: Seating, host: Host) -> frozenset[int]:
    """The host nodes with dedicated vCPUs of the VM."""
    nodes = (host.core_of[cpu].node for cpu in s.vcpus.values())
    return frozenset(node for node in nodes if node is not None)


def nodes_spent(s: Seating, host: Host) -> int:
    """The nodes of each cell, and each pair of cells that meet on one."""
    spans = []
    for part in parts(s.vm):
        nodes = {host.core_of[s.vcpus[v]].node for v in part if v in s.vcpus}
        if nodes:
            spans.append(nodes)
    return sum(map(len, spans)) + sum(bool(a & b) for a, b in combinations(spans, 2))


def caches_used(s: Seating, host: Host) -> int:
    """Over the cells: level 3 caches with dedicated vCPUs."""
    return sum(
        len({cache_of(host.core_of[s.vcpus[v]]) for v in part if v in s.vcpus})
        for part in parts(s.vm)
    )


def distance(s: Seating, host: Host) -> int:
    """The distances between all pairs of nodes used; an unknown one counts 0."""
    far = {node.id: dict(node.distances) for node in host.nodes}
    pairs = combinations(sorted(nodes_used(s, host)), 2)
    return sum(far.get(a, {}).get(b, 0) for a, b in pairs)


def fragmentation(seatings: Iterable[Seating], host: Host) -> int:
    """Nodes plus caches that hold any dedicated CPU of anyone."""
    cores = {host.core_of[cpu] for s in seatings for cpu in s.cpus}
    return len({core.node for core in cores}) + len({cache_of(core) for core in cores})
