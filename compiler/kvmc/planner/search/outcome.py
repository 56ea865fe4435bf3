"""From seats to the search's frozen output."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.planner.memory import book_unbound
from kvmc.planner.problem import (
    Cost,
    GroupPlacement,
    Item,
    Solution,
    State,
    Unbound,
    VmPlacement,
)
from kvmc.planner.search.growth import joined
from kvmc.planner.search.seating import cut_of
from kvmc.planner.search.stock import lowest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.demand import Demand
    from kvmc.planner.problem import Problem
    from kvmc.planner.search.seating import Seat, Table


def solution_of(problem: Problem, table: Table | None, *, complete: bool) -> Solution:
    """Return placements in counts, with their price and what is left."""
    seats: dict[int, list[Seat]] = {}
    for one in table.seats if table else ():
        seats.setdefault(one.piece.vm, []).append(one)
    placements = [
        _placement(problem, n, seats[n]) if n in seats else None
        for n in range(len(problem.demands))
    ]
    final = _final(problem, table, seats)
    return Solution(
        placements=tuple(placements),
        order=tuple(seats),
        cost=_cost(problem, seats, final),
        final=final,
        complete=complete,
    )


def _placement(problem: Problem, number: int, seats: Sequence[Seat]) -> VmPlacement:
    view = problem.view[number]
    demand = problem.demands[number]
    variant = 0
    extra: tuple[tuple[int, tuple[Item, ...]], ...] = ()
    placed: list[GroupPlacement] = []
    for one in sorted(seats, key=lambda s: s.piece.group) if len(seats) > 1 else seats:
        items = _items(one, view)
        if one.piece.group < 0:
            extra = items
            continue
        group = demand.groups[len(placed)]
        variant = variant if placed else one.variant
        placed.append(
            GroupPlacement(one.cut, items, problem.nodes[one.node] if group.bound else None)
        )
    return VmPlacement(variant, tuple(placed), extra)


def _items(one: Seat, view: int) -> tuple[tuple[int, tuple[Item, ...]], ...]:
    if len(one.taken) == 1:
        core_class, width, count = one.taken[0]
        return ((width, (Item(core_class, lowest(core_class.free[view], width), count),)),)
    found: dict[int, list[Item]] = {}
    for core_class, width, count in one.taken:
        mask = lowest(core_class.free[view], width)
        found.setdefault(width, []).append(Item(core_class, mask, count))
    return tuple([(w, tuple(found[w])) for w in sorted(found, reverse=True)])


def _nodes(problem: Problem, one: Seat) -> set[int | None]:
    return {problem.bins[t.core_class.bin].node for t in one.taken}


def _final(problem: Problem, table: Table | None, seats: dict[int, list[Seat]]) -> State:
    """Return what is left once everyone sits."""
    start = problem.start
    if table is None:
        return start
    memory, pages, pool = dict(start.memory), dict(start.pages), dict(start.pool)
    floats, all_floats = dict(start.floats), start.all_floats
    touched, unbound = set(start.touched), list(start.unbound)
    for number, mine in seats.items():
        demand = problem.demands[number]
        for one in mine:
            touched.update([t.core_class.bin for t in one.taken])
            if one.piece.group < 0:
                continue
            group = demand.groups[one.piece.group]
            size, kib = group.page_kib, group.memory_kib
            all_floats -= group.floats
            if size is not None:
                pool[size] = pool.get(size, 0) - kib // size
            node = problem.nodes[one.node] if group.bound else None
            if node is None:
                if one.taken:
                    unbound.append(_wish(problem, demand, one))
                continue
            floats[node] = floats.get(node, 0) - group.floats
            if size is not None:
                pages[node, size] = pages.get((node, size), 0) - kib // size
            elif node in memory:
                memory[node] -= kib
    cores = {c: n for bin_cores in table.stock.bins for c, n in bin_cores.items()}
    return replace(
        start,
        cores=cores,
        memory=memory,
        pages=pages,
        pool=pool,
        floats=floats,
        all_floats=all_floats,
        touched=frozenset(touched),
        unbound=tuple(unbound),
    )


def _wish(problem: Problem, demand: Demand, one: Seat) -> Unbound:
    group = demand.groups[one.piece.group]
    nodes = tuple(sorted(n for n in _nodes(problem, one) if n is not None))
    cell = -1 if group.cell is None else group.cell
    return Unbound(demand.vm.name, cell, nodes, group.memory_kib, group.page_kib)


def _cost(problem: Problem, seats: dict[int, list[Seat]], final: State) -> Cost:
    left = 0
    if len(seats) < len(problem.demands):
        left = sum([d.vm.cpu.max for n, d in enumerate(problem.demands) if n not in seats])
    costs = [(0,) * 5, *[_cost_of(problem, mine) for mine in seats.values()]]
    shared, split, nodes, caches, distance = map(sum, zip(*costs, strict=True))
    used = [problem.bins[b] for b in final.touched]
    return Cost(
        left_out=left,
        shared=shared,
        split=split,
        nodes=nodes,
        memory=sum([not fits for _, fits in book_unbound(final)]),
        caches=caches,
        distance=distance,
        fragments=len({b.node for b in used}) + len({b.cache for b in used}),
    )


def _cost_of(problem: Problem, seats: Sequence[Seat]) -> tuple[int, int, int, int, int]:
    """Return what one VM costs: shared, split, nodes, caches, distance."""
    if len(seats) == 1 and len(seats[0].taken) == 1 and seats[0].piece.group == 0:
        cut = cut_of(problem, seats[0])
        return joined(seats[0]) + cut.shared, cut.split, 1, 1, 0
    shared = split = caches = 0
    spans: list[set[int | None]] = []
    for one in seats:
        shared += _shared(problem, one)
        if one.piece.group < 0 or not one.taken:
            continue
        split += cut_of(problem, one).split
        bins = [problem.bins[b] for b in {t.core_class.bin for t in one.taken}]
        caches += len({where.cache for where in bins})
        spans.append({where.node for where in bins})
    nodes = sum([len(span) for span in spans])
    distance = 0
    if nodes > 1:
        nodes += sum([not a.isdisjoint(b) for a, b in combinations(spans, 2)])
        used = sorted({n for span in spans for n in span if n is not None})
        distance = sum([problem.distances.get(pair, 0) for pair in combinations(used, 2)])
    return shared, split, nodes, caches, distance


def shared_siblings(problem: Problem, table: Table) -> int:
    """Return how many siblings a table shares (preference 3)."""
    return sum([_shared(problem, one) for one in table.seats])


def _shared(problem: Problem, one: Seat) -> int:
    return joined(one) + (cut_of(problem, one).shared if one.piece.group >= 0 else 0)
