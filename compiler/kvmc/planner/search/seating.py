"""From nodes to cores: which caches and which classes of cores every piece gets.

Piece after piece: within its node it goes to the tightest cache that holds it, else to few large
ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.planner.search.stock import Stock, Taken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.planner.cuts import Cut
    from kvmc.planner.problem import Problem
    from kvmc.planner.search.packing import Home
    from kvmc.planner.search.pieces import Choice, Piece


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
    return seat_in(table, piece, bins, home.node, home.choice)


def seat_in(table: Table, piece: Piece, bins: Sequence[int], node: int, choice: Choice) -> bool:
    """Give a piece cores of some bins, cut as chosen if possible; `node` is -1 for several."""
    demand = table.problem.demands[piece.vm]
    view = table.problem.view[piece.vm]
    joins = demand.prefers and piece.group >= 0
    may_join = joins and table.problem.sharing
    if piece.group >= 0 and not may_join:
        widths = demand.variants[choice.variant].cuts[piece.group][choice.cut].widths
        alike = table.stock.take_alike(bins, view, *widths[0]) if len(widths) == 1 else None
        if alike:
            table.seats.append(Seat(piece, choice.variant, choice.cut, node, [alike]))
            return True
    for variant, cut, widths in cuts_to_try(table, piece, choice):
        if not widths:
            table.seats.append(Seat(piece, variant, cut, node, []))
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
        table.seats.append(Seat(piece, variant, cut, node, taken))
        return True
    return False


def cuts_to_try(
    table: Table, piece: Piece, choice: Choice
) -> Iterator[tuple[int, int, tuple[tuple[int, int], ...]]]:
    """Yield (variant, cut, widths): what was packed; where cores are shared then what may do."""
    if piece.group < 0:
        yield 0, 0, table.extra[piece.vm]
        return
    demand, variant, cut = table.problem.demands[piece.vm], choice.variant, choice.cut
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


def cut_of(problem: Problem, one: Seat) -> Cut:
    """Return the cut of a seat."""
    return problem.demands[one.piece.vm].variants[one.variant].cuts[one.piece.group][one.cut]
