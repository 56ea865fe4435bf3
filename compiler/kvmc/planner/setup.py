"""From VMs and a host to the search's frozen input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import union
from kvmc.planner.booking import booked
from kvmc.planner.candidates import core_mask
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
    masks = [core_mask(core) for core in host.cores]
    usable = _views(ordered, host, claims)
    views = sorted(set(usable), key=lambda mask: (-mask.bit_count(), mask))
    number = {mask: index for index, mask in enumerate(views)}
    places = {(core.node, core.l3) for core in host.cores}
    bins = tuple(sorted((Bin(*place) for place in places), key=_bin_order))
    classes = _classes(host, masks, bins, views, claims)
    return Problem(
        bins=bins,
        nodes=_nodes(host),
        core_of=classes,
        start=_start(host, masks, classes, bins, claims, bookings),
        demands=ordered,
        view=tuple(number[mask] for mask in usable),
        distances={(n.id, to): d for n in host.nodes for to, d in n.distances},
        wide=_wide(bins),
        sharing=_allows(host),
        budget=BUDGET if budget is None else budget,
    )


def _nodes(host: Host) -> tuple[int | None, ...]:
    known = {node.id for node in host.nodes} | {c.node for c in host.cores if c.node is not None}
    nowhere = [None] if any(core.node is None for core in host.cores) else []
    return (*sorted(known), *nowhere)


def _hardest_first(demand: Demand) -> tuple[int, int, int, str]:
    """Order of placing: large VMs first, whole-core ones before those that bend, then by name."""
    bends = len(demand.variants) + sum(len(c) for v in demand.variants for c in v.cuts)
    bound = sum(group.bound for group in demand.groups)
    return (-demand.threads_needed, -bound, bends, demand.vm.name)


def _views(demands: Sequence[Demand], host: Host, claims: Sequence[Claim]) -> list[int]:
    """Return the CPUs each demand may use, other VMs' claims taken off, as masks."""
    allow = _allows(host)
    closed = [_closed(claim, host) for claim in claims]
    mine = {claim.name for claim in claims}
    barred: dict[object, int] = {}
    found = []
    for demand in demands:
        name = demand.vm.name if demand.vm.name in mine else None
        joins = allow and demand.prefers
        if (name, joins) not in barred:
            total = 0
            for claim, (whole, own) in zip(claims, closed, strict=True):
                if claim.name != name:
                    total |= own if joins and claim.prefers else whole
                elif demand.prefers:
                    total |= claim.dedicated.mask
                else:
                    total |= cores_of(claim.dedicated, host).mask
            barred[name, joins] = total
        found.append(demand.cpus.mask & ~barred[name, joins])
    return found


def _closed(claim: Claim, host: Host) -> tuple[int, int]:
    """Return what a claim keeps from a VM that may not share its cores, and from one that may."""
    floating = cores_of(claim.floating, host).mask
    return cores_of(claim.dedicated, host).mask | floating, claim.dedicated.mask | floating


def _bin(core: Core) -> Bin:
    return Bin(core.node, core.l3)


def _bin_order(where: Bin) -> tuple[bool, int, bool, int]:
    return (where.node is None, where.node or 0, where.l3 is None, where.l3 or 0)


def _wide(bins: Sequence[Bin]) -> frozenset[int]:
    caches = [b.cache for b in bins]
    return frozenset(i for i, b in enumerate(bins) if caches.count(b.cache) > 1)


def _classes(
    host: Host,
    masks: Sequence[int],
    bins: Sequence[Bin],
    views: Sequence[int],
    claims: Sequence[Claim],
) -> dict[CoreClass, tuple[int, ...]]:
    """Return the classes of cores that some view can use, with the cores in each."""
    shared = union(claim.dedicated for claim in claims).mask if _allows(host) else 0
    number = {(where.node, where.l3): index for index, where in enumerate(bins)}
    found: dict[tuple[int, tuple[int, ...], int], list[int]] = {}
    for index, (core, mask) in enumerate(zip(host.cores, masks, strict=True)):
        full = (1 << len(core.cpus)) - 1
        free = tuple([full if v & mask == mask else _positions(core, v & mask) for v in views])
        if any(free):
            status = OPEN if shared & mask else FRESH
            key = (number[core.node, core.l3], free, status)
            found.setdefault(key, []).append(index)
    return {CoreClass(*key): tuple(cores) for key, cores in found.items()}


def _positions(core: Core, mask: int) -> int:
    """Return which of a core's threads are in the mask, one bit a thread."""
    if not mask:
        return 0
    return sum(1 << p for p, cpu in enumerate(core.cpus) if mask >> cpu & 1)


def _allows(host: Host) -> bool:
    return host.policy.core_sharing == "allow"


def _start(  # noqa: PLR0913 (the parts of what is left)
    host: Host,
    masks: Sequence[int],
    classes: dict[CoreClass, tuple[int, ...]],
    bins: Sequence[Bin],
    claims: Sequence[Claim],
    bookings: Sequence[Booking],
) -> State:
    pages = {(n.id, size): count for n in host.nodes for size, count in n.hugepages}
    ratio = host.policy.overcommit
    shared = host.policy.shared & host.online
    taken = union(claim.dedicated for claim in claims).mask
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
            bins.index(_bin(core))
            for core, mask in zip(host.cores, masks, strict=True)
            if taken & mask
        ),
    )
    return booked(state, bookings)
