"""From VMs and a host to the search's frozen input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet, union
from kvmc.planner.booking import booked
from kvmc.planner.claims import cores_of
from kvmc.planner.problem import FRESH, OPEN, Bin, CoreClass, Problem, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Core, Host
    from kvmc.planner.booking import Booking
    from kvmc.planner.claims import Claim
    from kvmc.planner.demand import Demand

BUDGET = 20_000
"""Placements tried: a few seconds of Python at most."""


def problem_of(
    host: Host,
    demands: Sequence[Demand],
    claims: Sequence[Claim],
    bookings: Sequence[Booking],
    budget: int | None = None,
) -> Problem:
    """Return the problem of placing demands around what is claimed and booked already."""
    ordered = tuple(sorted(demands, key=_hardest_first))
    views = sorted({_view_key(d, host, claims) for d in ordered})
    view = tuple(views.index(_view_key(d, host, claims)) for d in ordered)
    masks = [CpuSet(key) for key in views]
    bins = tuple(sorted({_bin(core) for core in host.cores}, key=_bin_order))
    classes: dict[CoreClass, list[int]] = {}
    for index, core in enumerate(host.cores):
        core_class = _class_of(host, core, bins, masks, claims)
        if any(core_class.free):
            classes.setdefault(core_class, []).append(index)
    known = {node.id for node in host.nodes} | {c.node for c in host.cores if c.node is not None}
    nowhere = [None] if any(core.node is None for core in host.cores) else []
    return Problem(
        bins=bins,
        nodes=(*sorted(known), *nowhere),
        core_of={key: tuple(cores) for key, cores in classes.items()},
        start=_start(host, classes, bins, claims, bookings),
        demands=ordered,
        view=view,
        distances={(n.id, to): d for n in host.nodes for to, d in n.distances},
        wide=_wide(bins),
        sharing=host.policy.core_sharing == "allow",
        budget=BUDGET if budget is None else budget,
    )


def _hardest_first(demand: Demand) -> tuple[int, int, int, str]:
    """Order of placing: large VMs first, whole-core ones before those that bend, then by name."""
    bends = len(demand.variants) + sum(len(c) for v in demand.variants for c in v.cuts)
    bound = sum(group.bound for group in demand.groups)
    return (-demand.threads_needed, -bound, bends, demand.vm.name)


def _view_key(demand: Demand, host: Host, claims: Sequence[Claim]) -> tuple[int, ...]:
    """Return the CPUs a demand may use, other VMs' claims taken off, as a sortable key."""
    cpus = demand.cpus
    allow = host.policy.core_sharing == "allow" and demand.prefers
    for claim in claims:
        if claim.name == demand.vm.name:
            continue
        if allow and claim.prefers:
            cpus = cpus - claim.dedicated - cores_of(claim.floating, host)
        else:
            cpus = cpus - cores_of(claim.dedicated | claim.floating, host)
    return tuple(cpus)


def _bin(core: Core) -> Bin:
    return Bin(core.node, core.l3)


def _bin_order(where: Bin) -> tuple[bool, int, bool, int]:
    return (where.node is None, where.node or 0, where.l3 is None, where.l3 or 0)


def _wide(bins: Sequence[Bin]) -> frozenset[int]:
    caches = [b.cache for b in bins]
    return frozenset(i for i, b in enumerate(bins) if caches.count(b.cache) > 1)


def _class_of(
    host: Host, core: Core, bins: Sequence[Bin], masks: Sequence[CpuSet], claims: Sequence[Claim]
) -> CoreClass:
    free = tuple(sum(1 << p for p, cpu in enumerate(core.cpus) if cpu in mask) for mask in masks)
    cpus = CpuSet(core.cpus)
    used = any(not claim.dedicated.isdisjoint(cpus) for claim in claims)
    sharing = host.policy.core_sharing == "allow"
    return CoreClass(bins.index(_bin(core)), free, OPEN if used and sharing else FRESH)


def _start(
    host: Host,
    classes: dict[CoreClass, list[int]],
    bins: Sequence[Bin],
    claims: Sequence[Claim],
    bookings: Sequence[Booking],
) -> State:
    pages = {(n.id, size): count for n in host.nodes for size, count in n.hugepages}
    ratio = host.policy.overcommit
    shared = host.policy.shared & host.online
    taken = union(claim.dedicated for claim in claims)
    state = State(
        cores={key: len(cores) for key, cores in classes.items()},
        memory={
            n.id: n.memory_kib - sum(size * count for size, count in n.hugepages)
            for n in host.nodes
            if n.memory_kib is not None
        },
        pages=pages,
        pool={size: sum(c for (_, s), c in pages.items() if s == size) for _, size in pages},
        floats={node: int(ratio * len(cpus & shared)) for node, cpus in host.node_cpus.items()},
        all_floats=int(ratio * len(shared)),
        touched=frozenset(
            bins.index(_bin(core)) for core in host.cores if not taken.isdisjoint(CpuSet(core.cpus))
        ),
    )
    return booked(state, bookings)
