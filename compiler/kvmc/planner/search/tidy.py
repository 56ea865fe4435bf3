"""Last pass: VMs that are spread draw together where cores are free or others gladly exchange.

Nothing that the first preferences count changes: cores are moved and exchanged one for one, among
those with the same free threads. A move is made where it leaves fewer nodes in use, summed over
VMs, or equally many nodes and fewer caches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.planner.problem import FRESH
from kvmc.planner.search.stock import Taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kvmc.planner.problem import CoreClass, Problem
    from kvmc.planner.search.seating import Seat, Table

_MOST_TURNS = 4
"""Times that all spread VMs are looked at."""

Span = tuple[int, int]
"""Nodes and caches used."""
Change = tuple[tuple["Seat", list[Taken]], ...]
"""Seats with their new cores."""


def tidy(table: Table) -> bool:
    """Draw spread seats together; return whether anything was moved."""
    problem = table.problem
    moved = False
    for _ in range(_MOST_TURNS):
        again = False
        for one in table.seats:
            if _is_spread(problem, one.taken) and not one.piece.cached:
                again |= _draw_together(table, one)
        moved |= again
        if not again:
            break
    return moved


def is_untidy(table: Table) -> bool:
    """Whether there is anything to draw together; not where VMs share cores with each other."""
    problem = table.problem
    return not problem.sharing and any(
        _is_spread(problem, one.taken) and not one.piece.cached for one in table.seats
    )


def _is_spread(problem: Problem, taken: Sequence[Taken]) -> bool:
    return len(taken) > 1 and _span(problem, taken)[1] > 1


def _span(problem: Problem, taken: Iterable[Taken]) -> Span:
    return _span_of(problem, {t.core_class.bin for t in taken})


def _span_of(problem: Problem, bins: Iterable[int]) -> Span:
    places = [problem.bins[b] for b in bins]
    return len({place.node for place in places}), len({place.cache for place in places})


def _plus(one: Span, other: Span) -> Span:
    return one[0] + other[0], one[1] + other[1]


def _draw_together(table: Table, one: Seat) -> bool:
    """Make the best move of one seat, if there is a good one."""
    problem = table.problem
    best: tuple[Span, Change] | None = None
    for change in (*_to_one_cache(table, one), *_moves(table, one), *_exchanges(table, one)):
        gain = (0, 0)
        for seat, taken in change:
            before, after = _span(problem, seat.taken), _span(problem, taken)
            gain = _plus(gain, (after[0] - before[0], after[1] - before[1]))
        if gain < (0, 0) and (best is None or gain < best[0]):
            best = gain, change
    if best is None:
        return False
    for seat, _ in best[1]:
        _count(table, seat.taken, 1)
    for seat, taken in best[1]:
        _count(table, taken, -1)
        seat.taken = taken
        nodes = {problem.bins[t.core_class.bin].node for t in taken}
        seat.node = problem.nodes.index(nodes.pop()) if len(nodes) == 1 else -1
    return True


def _count(table: Table, taken: Iterable[Taken], sign: int) -> None:
    for t in taken:
        stock = table.stock.bins[t.core_class.bin]
        stock[t.core_class] = stock.get(t.core_class, 0) + sign * t.number
        if not stock[t.core_class]:
            del stock[t.core_class]


def _allowed(table: Table, one: Seat) -> set[int]:
    """Return the bins that a seat may use: those of its node, or all."""
    if one.piece.bound:
        return set(table.bins_of[one.node])
    return set(range(len(table.problem.bins)))


def _to_one_cache(table: Table, one: Seat) -> Iterator[Change]:
    """Yield moves of everything to a cache with room."""
    for number in sorted(_allowed(table, one)):
        stock = dict(table.stock.bins[number])
        taken = []
        for t in one.taken:
            key = t.core_class._replace(bin=number)
            if t.core_class.bin == number:
                stock[key] = stock.get(key, 0) + t.number
        for t in one.taken:
            key = t.core_class._replace(bin=number)
            if stock.get(key, 0) < t.number:
                break
            stock[key] -= t.number
            taken.append(t._replace(core_class=key))
        else:
            yield ((one, _merged(taken)),)


def _moves(table: Table, one: Seat) -> Iterator[Change]:
    """Yield moves of what is in one bin to free cores of another that the seat has."""
    mine = {t.core_class.bin for t in one.taken}
    for t in one.taken:
        for number in sorted(mine - {t.core_class.bin}):
            key = t.core_class._replace(bin=number)
            if table.stock.bins[number].get(key, 0) >= t.number:
                rest = [u for u in one.taken if u is not t]
                yield ((one, _merged([*rest, t._replace(core_class=key)])),)


def _exchanges(table: Table, one: Seat) -> Iterator[Change]:
    """Yield exchanges, those that help, with others that sit in a bin that the seat has."""
    problem = table.problem
    mine = {t.core_class.bin for t in one.taken}
    for other in table.seats:
        if other is one or other.piece.cached:
            continue
        for theirs in other.taken:
            if theirs.core_class.bin not in mine or theirs.core_class.status != FRESH:
                continue
            for t in one.taken:
                if (
                    t.core_class.bin == theirs.core_class.bin
                    or t.core_class.free != theirs.core_class.free
                    or t.core_class.bin not in _allowed(table, other)
                ):
                    continue
                count = min(t.number, theirs.number)
                here = _bins_after(one, t, count, theirs.core_class.bin)
                there = _bins_after(other, theirs, count, t.core_class.bin)
                before = _plus(_span_of(problem, mine), _span(problem, other.taken))
                if _plus(_span_of(problem, here), _span_of(problem, there)) >= before:
                    continue
                yield (
                    (one, _swapped(one.taken, t, theirs.core_class, count)),
                    (other, _swapped(other.taken, theirs, t.core_class, count)),
                )


def _bins_after(one: Seat, gone: Taken, count: int, come: int) -> set[int]:
    """Return the bins of a seat that gives away so many cores for cores of another bin."""
    bins = {t.core_class.bin for t in one.taken if t is not gone or gone.number > count}
    bins.add(come)
    return bins


def _swapped(taken: Sequence[Taken], gone: Taken, come: CoreClass, count: int) -> list[Taken]:
    """Return cores with so many exchanged for cores of another bin; they carry the same units."""
    rest = [t for t in taken if t is not gone]
    if gone.number > count:
        rest.append(gone._replace(number=gone.number - count))
    return _merged([*rest, Taken(come, gone.width, count)])


def _merged(taken: Iterable[Taken]) -> list[Taken]:
    counts: dict[tuple[object, int], Taken] = {}
    for t in taken:
        key = (t.core_class, t.width)
        old = counts.get(key)
        counts[key] = t if old is None else old._replace(number=old.number + t.number)
    return sorted(counts.values())
