"""Whole fleets: sizes are tried from generous to lean, and who is left out is the least.

The fewest siblings shared is a matter of counting: every vCPU of a VM that may share, beyond one a
core, is one sharing. So the sum of what all would like, less the cores there are, is a bound from
below, and a plan that meets it needs no improving.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kvmc.planner.arrange import Request, arrange, at_best, at_least
from kvmc.planner.completion import Effort
from kvmc.planner.leaving import Trials, fewest_out
from kvmc.planner.outcome import shared_siblings, solution_of
from kvmc.planner.pieces import Order, Piece, orders_of
from kvmc.planner.supply import supply_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kvmc.planner.problem import Problem, Solution
    from kvmc.planner.seating import Table
    from kvmc.planner.supply import Supply


_POOL = 30
"""Steps for one fleet in all, in units of the problem's budget: two seconds of Python or so."""
_STEPS_A_VM = 20


def plan_fleet(problem: Problem) -> Solution:
    """Return the best plan found, and whether what is left out is proven to be the least."""
    views = [_View.of(problem)]
    if problem.sharing:
        # What fits without sharing cores between VMs is often the better plan.
        views.insert(0, _View.of(replace(problem, sharing=False)))

    pool = Effort(problem.budget * _POOL)

    def place(numbers: Sequence[int]) -> tuple[Table | None, bool]:
        return _place(views, numbers, pool)

    everyone = range(len(problem.demands))
    table, proven = place(everyone)
    if table is None:
        full = views[-1]
        asked = [asks(full.supply, order) for order in full.orders]
        have = host_totals(problem, full.supply)
        trials = Trials(place, lambda: pool.left <= 0)
        table, proven = fewest_out(problem, full.orders, asked, have, trials, proven=proven)
    return solution_of(problem, table, complete=proven)


@dataclass(frozen=True, slots=True)
class _View:
    """A problem in the packer's terms."""

    problem: Problem
    supply: Supply
    orders: list[Order]

    @classmethod
    def of(cls, problem: Problem) -> _View:
        supply = supply_of(problem)
        return cls(problem, supply, orders_of(problem, supply))


def _place(
    views: Sequence[_View], numbers: Sequence[int], pool: Effort
) -> tuple[Table | None, bool]:
    """Return seats for all of some VMs, or whether there are none for sure."""
    best: Table | None = None
    fewest = 0
    sure = True
    for view in views:
        orders = tuple([view.orders[n] for n in numbers])
        least = missing_cores(view.problem, orders)
        for table, proven in _tables(view, orders, least, pool):
            sure = proven
            if table is None:
                continue
            shared = shared_siblings(view.problem, table)
            if best is None or shared < fewest:
                best, fewest = table, shared
            if fewest <= least:
                return best, True
    return best, sure


def _tables(
    view: _View, orders: tuple[Order, ...], least: int, pool: Effort
) -> Iterator[tuple[Table | None, bool]]:
    """Yield tries, with whether the last one shows that there is no place for all."""
    problem, supply = view.problem, view.supply
    sound = all(order.sound for order in orders)
    if any(not piece.lean for order in orders for piece in order.pieces):
        yield None, True
        return
    if lacks(problem, supply, orders):
        yield None, sound
        return
    for sizing, lean, tenths in _sizings(problem, orders, least):
        # Packing alone is always allowed; what it takes counts like so many steps.
        given = max(min(problem.budget * tenths, pool.left), min(problem.budget, 1))
        effort = Effort(given)
        table = arrange(Request(problem, supply, orders, effort), sizing, lean=lean)
        pool.left -= given - effort.left + _STEPS_A_VM * len(orders)
        if sizing is at_least:
            yield table, sound and not effort.cut
            if table is None:
                return
        elif table is not None:
            yield table, False


def lacks(problem: Problem, supply: Supply, orders: Sequence[Order]) -> bool:
    """Whether plain sums show that the VMs do not all fit."""
    return any(need > 0 for need in overflow(problem, supply, orders))


def overflow(problem: Problem, supply: Supply, orders: Sequence[Order]) -> tuple[int, ...]:
    """Return, for each sum over the host, how much the VMs ask beyond what there is.

    The sums: cores of each union, memory that rules bind, pages of each size, floating vCPUs.
    """
    if not orders:
        return ()
    have = host_totals(problem, supply)
    asked = [asks(supply, order) for order in orders]
    return tuple(
        [sum(column) - total for column, total in zip(zip(*asked, strict=True), have, strict=True)]
    )


def host_totals(problem: Problem, supply: Supply) -> tuple[int, ...]:
    """Return what the whole host has of each sum."""
    columns = list(zip(*supply.nodes, strict=True))
    cores = [sum(column) for column in columns[: supply.cores]]
    memory = sum(columns[supply.cores])
    pages = [problem.start.pool.get(size, 0) for size in supply.sizes]
    return (*cores, memory, *pages, problem.start.all_floats)


def asks(supply: Supply, order: Order) -> tuple[int, ...]:
    """Return what one VM asks at least of each sum."""
    total = list(order.extra) + [0] * (len(supply.sizes) + 2)
    for piece in order.pieces:
        for u in range(supply.cores):
            total[u] += min([choice.cores[u] for choice in piece.lean], default=0)
        memory, *rest = piece.beside
        total[supply.cores] += memory if piece.bound else 0
        for d, need in enumerate(rest, supply.cores + 1):
            total[d] += need
    return tuple(total)


def missing_cores(problem: Problem, orders: Sequence[Order]) -> int:
    """Return how many siblings must be shared at the least: cores wished for less cores there."""
    wished = sum(piece.best.units for order in orders for piece in order.pieces)
    wished += sum(n for order in orders for _, n in order.extra_widths)
    return max(wished - sum(problem.start.cores.values()), 0)


def _sizings(
    problem: Problem, orders: Sequence[Order], least: int
) -> list[tuple[Callable[[Piece], Piece], bool, int]]:
    """Return the sizes to try: the best where there is room, the least, and some between.

    The last number is the part of the effort, in tenths.
    """
    bends = any(p.lean != (p.best,) for order in orders for p in order.pieces)
    if not bends or problem.sharing:
        return [(at_least, True, 10)]
    between = [(_between(problem, orders, part), True, 1) for part in (1.0, 0.97, 0.9, 0.75)]
    if least:
        return [(at_least, True, 10), *between]
    return [(at_best, False, 1), (at_least, True, 10), *between]


def _between(problem: Problem, orders: Sequence[Order], part: float) -> Callable[[Piece], Piece]:
    """Return a sizing that deals out part of the cores to spare, to what is bound to nodes first.

    What is not bound can take what is left on any node afterwards.
    """
    pieces = sorted(
        (p for order in orders for p in order.pieces), key=lambda p: (not p.bound, p.vm, p.group)
    )
    spare = sum(problem.start.cores.values()) - sum(p.lean[0].units for p in pieces)
    spare = int(spare * part)
    grown: dict[tuple[int, int], Piece] = {}
    for piece in pieces:
        low, high = piece.lean[0].units, piece.best.units
        if high > low and spare > 0:
            found = _grown(piece, min(high, low + spare))
            spare -= found.lean[0].units - low
            grown[piece.vm, piece.group] = found
    return lambda piece: grown.get((piece.vm, piece.group), piece)


def _grown(piece: Piece, units: int) -> Piece:
    """Return a piece with the best cut onto so many cores."""
    choice = next((one for one in piece.ladder if one.units == units), piece.lean[0])
    return Piece(
        piece.vm, piece.group, piece.bound, piece.cached, (choice,), piece.best, piece.beside
    )
