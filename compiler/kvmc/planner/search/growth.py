"""Cores that nobody needs go to `prefer` VMs that share siblings: each takes one sharing away.

Cores in a cache that the VM has already come first, then those of its node, then any.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from kvmc.planner.problem import FRESH
from kvmc.planner.search.seating import Seat, cut_of
from kvmc.planner.search.stock import Taken, left_over

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.planner.problem import CoreClass
    from kvmc.planner.search.seating import Table
    from kvmc.planner.search.stock import Stock


def grow(table: Table, most: int | None = None) -> None:
    """Give the cores that are left, or so many of them, to seats that gain from them.

    Those that a rule binds to a cache come first, then those bound to a node: others can take
    what is left anywhere, and no core stays behind that someone gains from.
    """
    seats = [one for one in table.seats if _gains(table, one)]
    if not seats:
        return
    for widest in (0, 1, 2):
        level = [one for one in seats if _reach(one) == widest]
        for reach in range(widest + 1):
            for one in level:
                given = _feed(table, one, reach, most)
                most = None if most is None else most - given


def _reach(one: Seat) -> int:
    """Return how far a seat may go: its caches (0), its node (1), anywhere (2)."""
    if one.piece.cached:
        return 0
    return 1 if one.piece.bound else 2


def _feed(table: Table, one: Seat, reach: int, most: int | None) -> int:
    """Give cores to one seat; return how many."""
    given = 0
    for core_class in list(_leftovers(table, one, reach)):
        while core_class in table.stock.bins[core_class.bin] and _gains(table, one):
            if given == most or not _add(table, one, core_class):
                break
            given += 1
    return given


def joined(one: Seat) -> int:
    """Return how many units of a seat are on cores that another VM opened."""
    if len(one.taken) == 1 and one.taken[0].core_class.status == FRESH:
        return 0
    return sum([t.number for t in one.taken if t.core_class.status != FRESH])


def _gains(table: Table, one: Seat) -> bool:
    """Whether a core more would leave fewer siblings shared."""
    if one.piece.group < 0 or not table.problem.demands[one.piece.vm].prefers:
        return False
    cut = cut_of(table.problem, one)
    return cut.shared > 0 or joined(one) > 0


def _leftovers(table: Table, one: Seat, reach: int) -> Iterator[CoreClass]:
    """Yield the classes of free cores in the seat's caches, on its nodes, or anywhere."""
    problem = table.problem
    view = problem.view[one.piece.vm]
    mine = {t.core_class.bin for t in one.taken}
    if reach == 0:
        bins = sorted(mine)
    elif reach == 1:
        nodes = {problem.bins[b].node for b in mine}
        bins = [b for b, where in enumerate(problem.bins) if where.node in nodes]
    else:
        bins = list(range(len(problem.bins)))
    for number in bins:
        for core_class in sorted(table.stock.bins[number]):
            if core_class.status == FRESH and core_class.free[view]:
                yield core_class


def _add(table: Table, one: Seat, core_class: CoreClass) -> bool:
    """Give a seat one core; False where that does not help."""
    problem = table.problem
    view = problem.view[one.piece.vm]
    cuts = problem.demands[one.piece.vm].variants[one.variant].cuts[one.piece.group]
    now = cuts[one.cut]
    cores = sorted(
        ((t.core_class, t.width) for t in one.taken for _ in range(t.number)),
        key=lambda cw: (-cw[1], -cw[0].free[view].bit_count(), cw[0]),
    )
    better = [
        (cut.shared, cut.split, n)
        for n, cut in enumerate(cuts)
        if cut.count == now.count + 1 and (cut.shared, cut.split) < (now.shared, now.split)
    ]
    number = one.cut
    if better:
        number = min(better)[2]
    elif joined(one):
        cores.remove(next(cw for cw in cores if cw[0].status != FRESH))
    else:
        return False
    cores.append((core_class, 0))
    widths = [w for w, count in cuts[number].widths for _ in range(count)]
    if any(w > c.free[view].bit_count() for w, (c, _) in zip(widths, cores, strict=True)):
        return False
    after = Counter([(core, width) for width, (core, _) in zip(widths, cores, strict=True)])
    if problem.sharing:
        before = Counter([(t.core_class, t.width) for t in one.taken for _ in range(t.number)])
        if not _exchange(table.stock, view, before - after, after - before):
            return False
    else:
        table.stock.remove(core_class, 1)
    one.cut = number
    one.taken = [Taken(core, width, count) for (core, width), count in sorted(after.items())]
    return True


_Units = Counter[tuple["CoreClass", int]]
"""(class, width) -> units of that width on cores of that class."""


def _exchange(stock: Stock, view: int, gone: _Units, come: _Units) -> bool:
    """Put units on other cores; False where others sit beside those that would go."""
    beside: Counter[CoreClass] = Counter()
    for (core_class, width), count in gone.items():
        rest = left_over(core_class, view, width)
        if rest:
            beside[rest] += count
    if any(stock.bins[rest.bin].get(rest, 0) < count for rest, count in beside.items()):
        return False
    for rest, count in beside.items():
        stock.remove(rest, count)
    for (core_class, _), count in gone.items():
        stock.put(core_class, count)
    for (core_class, _), count in come.items():
        stock.remove(core_class, count)
    stock.reopen([Taken(core_class, width, n) for (core_class, width), n in come.items()], view)
    return True
