"""From nodes to cores: which caches and which classes of cores every piece gets.

Within a node a piece goes to the tightest cache that holds it, else to few large ones. What fits no
node alone is spread over few that are near each other.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.planner.search.stock import Stock, Taken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.planner.cuts import Cut
    from kvmc.planner.demand import Demand
    from kvmc.planner.problem import Problem
    from kvmc.planner.search.packing import Home
    from kvmc.planner.search.pieces import Piece


class Seat(Struct):
    """The cores of one piece; group -1 are a VM's isolated threads."""

    piece: Piece
    variant: int
    cut: int
    node: int
    """Its place in Problem.nodes; -1 where it is spread."""
    taken: list[Taken]


class Table(Struct):
    """Who sits where so far."""

    problem: Problem
    stock: Stock
    bins_of: list[list[int]]
    """Node -> its bins."""
    extra: dict[int, tuple[tuple[int, int], ...]]
    """VM -> (width, cores) for its isolated threads."""
    join_first: bool
    seats: list[Seat] = []


def table_of(
    problem: Problem, extra: dict[int, tuple[tuple[int, int], ...]], *, join_first: bool
) -> Table:
    """Return the empty table."""
    bins_of: list[list[int]] = [[] for _ in problem.nodes]
    place = {node: n for n, node in enumerate(problem.nodes)}
    for b, where in enumerate(problem.bins):
        bins_of[place[where.node]].append(b)
    return Table(problem, Stock(problem), bins_of, extra, join_first and problem.sharing)


def seat(table: Table, piece: Piece, home: Home) -> bool:
    """Give a piece cores on its node; False where the counts did not tell all."""
    bins = [home.bin] if home.bin >= 0 else table.bins_of[home.node]
    return _seat(table, piece, bins, home.node, home.choice.variant, home.choice.cut)


def _seat(  # noqa: PLR0913 (all of it is what a seat is made of)
    table: Table, piece: Piece, bins: Sequence[int], node: int, variant: int, cut: int
) -> bool:
    demand = table.problem.demands[piece.vm]
    view = table.problem.view[piece.vm]
    joins = demand.prefers and piece.group >= 0
    may_join = joins and table.problem.sharing
    if piece.group >= 0 and not may_join:
        widths = demand.variants[variant].cuts[piece.group][cut].widths
        alike = table.stock.take_alike(bins, view, *widths[0]) if len(widths) == 1 else None
        if alike:
            table.seats.append(Seat(piece, variant, cut, node, [alike]))
            return True
    for number, chosen, widths in _tries(table, demand, piece, variant, cut):
        if not widths:
            table.seats.append(Seat(piece, number, chosen, node, []))
            return True
        if not table.stock.holds(bins, view, widths, joins=may_join):
            continue
        taken: list[Taken] = []
        left = widths
        if may_join and table.join_first:
            taken, left = table.stock.join(bins, view, widths)
        if left:
            order = _few(table, bins, view, left, joins=may_join)
            taken += table.stock.take(
                order, view, left, joins=may_join, join_first=table.join_first
            )
        if may_join:
            table.stock.reopen(taken, view)
        table.seats.append(Seat(piece, number, chosen, node, taken))
        return True
    return False


def _tries(
    table: Table, demand: Demand, piece: Piece, variant: int, cut: int
) -> Iterator[tuple[int, int, tuple[tuple[int, int], ...]]]:
    """Yield (variant, cut, widths): what was packed; where cores are shared then what may do."""
    if piece.group < 0:
        yield 0, 0, table.extra[piece.vm]
        return
    yield variant, cut, demand.variants[variant].cuts[piece.group][cut].widths
    if not table.problem.sharing or not demand.prefers:
        return
    numbers = range(len(demand.variants)) if len(demand.groups) == 1 else (variant,)
    others = [
        (one.count, one.shared + one.split, v, c, one.widths)
        for v in numbers
        for c, one in enumerate(demand.variants[v].cuts[piece.group])
        if (v, c) != (variant, cut)
    ]
    for _, _, v, c, widths in sorted(others):
        yield v, c, widths


def _few(
    table: Table, bins: Sequence[int], view: int, widths: Sequence[tuple[int, int]], *, joins: bool
) -> list[int]:
    """Return the bins to take from: the tightest one that holds all, else the largest few."""
    if len(bins) == 1:
        return list(bins)
    stock = table.stock
    narrow = widths[-1][0]
    room = [(stock.free(b, view, narrow, joins=joins), b) for b in bins]
    need = sum([n for _, n in widths])
    one = [(r, b) for r, b in room if r >= need]
    for _, b in sorted(one):
        if len(widths) == 1 or stock.holds([b], view, widths, joins=joins):
            return [b]
    order: list[int] = []
    left = need
    rest = sorted(room, key=lambda rb: (-rb[0], rb[1]))
    while rest:
        enough = [rb for rb in rest if rb[0] >= left]
        chosen = min(enough) if enough else rest[0]
        rest.remove(chosen)
        order.append(chosen[1])
        left -= chosen[0]
        if left <= 0 and (len(widths) == 1 or stock.holds(order, view, widths, joins=joins)):
            break
    return order


def seat_thriftily(table: Table, level: Sequence[tuple[Piece, Sequence[int], Home]]) -> bool:
    """Give pieces cores of their bins, the widest units of all of them first, scarce cores first.

    Where caches are full to the last thread this finds what piece after piece does not.
    """
    problem, stock = table.problem, table.stock
    taken: dict[int, list[Taken]] = {n: [] for n in range(len(level))}
    open_units = [_widths(table, piece, home) for piece, _, home in level]
    for width in sorted({1}.union(*open_units), reverse=True):
        for number, (piece, bins, _) in enumerate(level):
            demand, view = problem.demands[piece.vm], problem.view[piece.vm]
            joins = demand.prefers and piece.group >= 0 and problem.sharing
            count = open_units[number].get(width, 0)
            mine = {t.core_class.bin for t in taken[number]}
            got = stock.take_scarce(
                sorted(bins, key=lambda b: b not in mine), view, (width, count), joins=joins
            )
            missing = count - sum([t.number for t in got])
            if missing and (width == 1 or not joins):
                return False
            if missing:
                # A pair that finds no core is split: its vCPUs may join others.
                narrower = open_units[number]
                narrower[width] -= missing
                narrower[1] = narrower.get(1, 0) + width * missing
            if joins:
                stock.reopen(got, view)
            taken[number] += got
    for number, (piece, _, home) in enumerate(level):
        found = _cut_with(table, piece, home, taken[number])
        if found is None:
            return False
        table.seats.append(Seat(piece, *found, home.node, taken[number]))
    return True


def _widths(table: Table, piece: Piece, home: Home) -> dict[int, int]:
    if piece.group < 0:
        return dict(table.extra[piece.vm])
    variant = table.problem.demands[piece.vm].variants[home.choice.variant]
    return dict(variant.cuts[piece.group][home.choice.cut].widths)


def _cut_with(
    table: Table, piece: Piece, home: Home, taken: Sequence[Taken]
) -> tuple[int, int] | None:
    """Return the (variant, cut) of a piece whose units have the widths taken."""
    counts: dict[int, int] = {}
    for one in taken:
        counts[one.width] = counts.get(one.width, 0) + one.number
    demand = table.problem.demands[piece.vm]
    for v, c, widths in _tries(table, demand, piece, home.choice.variant, home.choice.cut):
        if dict(widths) == counts:
            return v, c
    return None


def spread(table: Table, piece: Piece) -> bool:
    """Seat a piece that fits no node alone on few nodes near each other."""
    choices = piece.lean
    for choice in choices:
        for nodes in _near(table, piece):
            bins = [b for n in nodes for b in table.bins_of[n]]
            node = nodes[0] if len(nodes) == 1 else -1
            if _seat(table, piece, bins, node, choice.variant, choice.cut):
                return True
    return False


def _near(table: Table, piece: Piece) -> Iterator[tuple[int, ...]]:
    """Yield sets of nodes: one, then pairs by distance, then more and more of the fullest."""
    problem = table.problem
    view = problem.view[piece.vm]
    joins = problem.sharing and problem.demands[piece.vm].prefers and piece.group >= 0
    room = [
        (sum([table.stock.free(b, view, 1, joins=joins) for b in bins]), n)
        for n, bins in enumerate(table.bins_of)
    ]
    open_nodes = [(r, n) for r, n in room if r]
    yield from ((n,) for _, n in sorted(open_nodes))
    need = min((c.units for c in piece.lean), default=0) if not joins else 0
    pairs = [
        (_distance(problem, a, b), r + s, (a, b))
        for (r, a), (s, b) in combinations(open_nodes, 2)
        if r + s >= need
    ]
    yield from (pair for _, _, pair in sorted(pairs))
    order = [n for _, n in sorted(open_nodes, key=lambda rn: (-rn[0], rn[1]))]
    for size in range(3, len(order) + 1):
        yield tuple(order[:size])


def _distance(problem: Problem, a: int, b: int) -> int:
    one, two = problem.nodes[a], problem.nodes[b]
    if one is None or two is None:
        return 0
    return problem.distances.get((one, two), 0)


def cut_of(problem: Problem, one: Seat) -> Cut:
    """Return the cut of a seat."""
    return problem.demands[one.piece.vm].variants[one.variant].cuts[one.piece.group][one.cut]
