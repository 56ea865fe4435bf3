"""From VMs and a host to the search's frozen input."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.cpuset import union
from kvmc.planner.booking import booked
from kvmc.planner.claims import cores_of
from kvmc.planner.once import once
from kvmc.planner.problem import FRESH, OPEN, Bin, CoreClass, Problem, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvmc.host.model import Host
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
    usable = _views(ordered, host, claims)
    views = sorted(set(usable), key=lambda mask: (-mask.bit_count(), mask))
    number = {mask: index for index, mask in enumerate(views)}
    ground = _ground(host)
    bins = ground.bins
    classes = _classes(host, bins, views, claims)
    return Problem(
        bins=bins,
        nodes=ground.nodes,
        core_of=classes,
        start=_start(host, classes, ground, claims, bookings),
        demands=ordered,
        view=tuple([number[mask] for mask in usable]),
        distances=ground.distances,
        wide=ground.wide,
        sharing=_allows(host),
        budget=BUDGET if budget is None else budget,
    )


class _Ground(Struct, frozen=True, kw_only=True):
    """What follows from the host alone."""

    bins: tuple[Bin, ...]
    nodes: tuple[int | None, ...]
    distances: Mapping[tuple[int, int], int]
    wide: frozenset[int]
    start: State
    """Without any cores."""


@once
def _ground(host: Host) -> _Ground:
    bins = tuple(sorted({Bin(one.node, one.l3) for one in host.alike}, key=_bin_order))
    pages = {(n.id, size): count for n in host.nodes for size, count in n.hugepages}
    carries = host.policy.carries
    shared = host.policy.shared & host.online
    start = State(
        cores={},
        memory={n.id: kib for n in host.nodes if (kib := n.plain_kib) is not None},
        pages=pages,
        pool={size: sum([c for (_, s), c in pages.items() if s == size]) for _, size in pages},
        floats={node: carries(len(cpus & shared)) for node, cpus in host.node_cpus.items()},
        all_floats=carries(len(shared)),
        touched=frozenset(),
    )
    return _Ground(
        bins=bins,
        nodes=_nodes(host),
        distances={(n.id, to): d for n in host.nodes for to, d in n.distances},
        wide=_wide(bins),
        start=start,
    )


def _nodes(host: Host) -> tuple[int | None, ...]:
    homes = {one.node for one in host.alike}
    known = {node.id for node in host.nodes} | {node for node in homes if node is not None}
    return (*sorted(known), *([None] if None in homes else []))


def _hardest_first(demand: Demand) -> tuple[int, int, int, str]:
    """Order of placing: large VMs first, whole-core ones before those that bend, then by name."""
    bends = len(demand.variants)
    for variant in demand.variants:
        bends += sum(map(len, variant.cuts))
    bound = sum([group.bound for group in demand.groups])
    return (-demand.threads_needed, -bound, bends, demand.vm.name)


def _views(demands: Sequence[Demand], host: Host, claims: Sequence[Claim]) -> list[int]:
    """Return the CPUs each demand may use, other VMs' claims taken off, as masks."""
    if not claims or not demands:
        return [demand.cpus.mask for demand in demands]
    allow = _allows(host)
    # What the claims keep from a VM without one follows from whether it may join cores.
    closed = {
        joins: _all_closed(claims, host, joins=joins)
        for joins in {allow and demand.prefers for demand in demands}
    }
    kept = [closed[allow and demand.prefers] for demand in demands]
    claimants = {claim.name for claim in claims}
    if not claimants.isdisjoint([demand.vm.name for demand in demands]):
        apart = [_closed(claim, host) for claim in claims]
        for number, demand in enumerate(demands):
            if demand.vm.name in claimants:
                kept[number] = _closed_beside_own(demand, host, claims, apart)
    return [demand.cpus.mask & ~mask for demand, mask in zip(demands, kept, strict=True)]


def _closed_beside_own(
    demand: Demand, host: Host, claims: Sequence[Claim], apart: Sequence[tuple[int, int]]
) -> int:
    """Return what all claims keep from a VM that has one; `apart` is what each keeps from others.

    On the cores that it names itself only a `prefer` VM may have more.
    """
    joins = _allows(host) and demand.prefers
    total = 0
    for claim, (whole, own) in zip(claims, apart, strict=True):
        if claim.name != demand.vm.name:
            total |= own if joins and claim.prefers else whole
        elif demand.prefers:
            total |= claim.dedicated.mask
        else:
            total |= cores_of(claim.dedicated, host).mask
    return total


def _all_closed(claims: Sequence[Claim], host: Host, *, joins: bool) -> int:
    """Return what all claims keep from a VM that has none of its own."""
    open_to_it = [claim.dedicated for claim in claims if joins and claim.prefers]
    rest = [claim.dedicated for claim in claims if not (joins and claim.prefers)]
    rest += [claim.floating for claim in claims]
    return union(open_to_it).mask | cores_of(union(rest), host).mask


def _closed(claim: Claim, host: Host) -> tuple[int, int]:
    """Return what a claim keeps from a VM that may not share its cores, and from one that may."""
    floating = cores_of(claim.floating, host).mask
    return cores_of(claim.dedicated, host).mask | floating, claim.dedicated.mask | floating


def _bin_order(where: Bin) -> tuple[bool, int, bool, int]:
    return (where.node is None, where.node or 0, where.l3 is None, where.l3 or 0)


def _wide(bins: Sequence[Bin]) -> frozenset[int]:
    counts = Counter([b.cache for b in bins])
    return frozenset([i for i, b in enumerate(bins) if counts[b.cache] > 1])


def _classes(
    host: Host, bins: Sequence[Bin], views: Sequence[int], claims: Sequence[Claim]
) -> dict[CoreClass, tuple[int, ...]]:
    """Return the classes of cores that some view can use, with the cores in each.

    Like cores that every view has all of, or none, are looked at together.
    """
    shared = union([claim.dedicated for claim in claims]).mask if _allows(host) else 0
    number = {place: index for index, place in enumerate(bins)}
    found: dict[CoreClass, tuple[int, ...]] = {}
    cores: Mapping[CoreClass, Sequence[int]]
    for group in host.alike:
        mask, where = group.cpus.mask, number[Bin(group.node, group.l3)]
        if shared & mask or not {view & mask for view in views} <= {0, mask}:
            cores = _apart(host, group.cores, views, shared, where)
        else:
            full = (1 << group.threads) - 1
            free = tuple([full if view & mask else 0 for view in views])
            cores = {CoreClass(where, free, FRESH): group.cores} if any(free) else {}
        for key, indexes in cores.items():
            # Two groups, of wide and of narrow cores, can have a class in common.
            before = found.get(key, ())
            found[key] = tuple(sorted((*before, *indexes))) if before else tuple(indexes)
    return dict(sorted(found.items(), key=lambda one: one[1][0]))


def _apart(
    host: Host, indexes: Sequence[int], views: Sequence[int], shared: int, where: int
) -> dict[CoreClass, list[int]]:
    """Return the classes of cores of one bin, looked at one after the other."""
    found: dict[CoreClass, list[int]] = {}
    for index in indexes:
        cpus = host.cores[index].cpus
        free = tuple([_positions(cpus, view) for view in views])
        if any(free):
            key = CoreClass(where, free, OPEN if _positions(cpus, shared) else FRESH)
            found.setdefault(key, []).append(index)
    return found


def _positions(cpus: Sequence[int], mask: int) -> int:
    """Return which threads of a core are in the mask, one bit a thread."""
    return sum([1 << p for p, cpu in enumerate(cpus) if mask >> cpu & 1])


def _allows(host: Host) -> bool:
    return host.policy.core_sharing == "allow"


def _start(
    host: Host,
    classes: dict[CoreClass, tuple[int, ...]],
    ground: _Ground,
    claims: Sequence[Claim],
    bookings: Sequence[Booking],
) -> State:
    cores = {key: len(cores) for key, cores in classes.items()}
    state = replace(ground.start, cores=cores)
    if claims:
        taken = union([claim.dedicated for claim in claims]).mask
        where = [Bin(one.node, one.l3) for one in host.alike if taken & one.cpus.mask]
        state = replace(state, touched=frozenset([ground.bins.index(one) for one in where]))
    return booked(state, bookings) if bookings else state
