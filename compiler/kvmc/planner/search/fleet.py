"""Whole fleets: sizes are tried from generous to lean, and who is left out is the least.

The fewest siblings shared is a matter of counting: every vCPU of a VM that may share, beyond one a
core, is one sharing. So the sum of what all would like, less the cores there are, is a bound from
below, and a plan that meets it needs no improving.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.planner.problem import MOST_CORES
from kvmc.planner.search.arrange import arrange
from kvmc.planner.search.fills import Effort
from kvmc.planner.search.leaving import Totals, Trials, fewest_out
from kvmc.planner.search.outcome import shared_siblings, solution_of
from kvmc.planner.search.pieces import Order, Piece, orders_of
from kvmc.planner.search.request import Request, at_best, at_least
from kvmc.planner.search.settle import balanced
from kvmc.planner.search.stowing import is_rigid, stowed
from kvmc.planner.search.sums import (
    asks,
    host_totals,
    lacks,
    missing_cores,
    overflow,
    too_many_for_caches,
)
from kvmc.planner.search.supply import supply_of
from kvmc.planner.search.tidy import is_untidy, tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from kvmc.planner.problem import Problem, Solution
    from kvmc.planner.search.seating import Table
    from kvmc.planner.search.supply import Supply


_POOL = 30
"""Steps for one fleet in all, in units of the problem's budget: two seconds of Python or so."""
_STOWING = 4
"""Steps for filling nodes out of all VMs where not all fit."""
_STEPS_A_VM = 20
_ANY = 1 << 30
"""A price that everything beats."""
_FEW = 160
"""Pieces times nodes on which evening out is quick."""
_BRIEF = 2_000
"""Steps of packing before it."""
_EVENING = 4_000
"""Steps for evening out the nodes of one set of VMs; for one fleet in all the problem's budget."""


def plan_fleet(problem: Problem) -> Solution:
    """Return the best plan found, and whether what is left out is proven to be the least."""
    views = [_View(problem)]
    if problem.sharing:
        # What fits without sharing cores between VMs is often the better plan.
        views.insert(0, _View(replace(problem, sharing=False)))
    tries = _Tries(views, Effort(problem.budget * _POOL), Effort(problem.budget))
    table, proven = tries.place(range(len(problem.demands)), tries.left())
    if table is None:
        table, proven = _without_some(tries, proven=proven)
    found = solution_of(problem, table, complete=proven)
    if table is not None and is_untidy(table) and tidy(table):
        found = min(found, solution_of(problem, table, complete=proven), key=lambda one: one.cost)
    if found.cost.shared and _may_share_less(tries, found):
        from kvmc.planner.search.branching import bettered

        return bettered(problem.brief(), found)
    return found


def _may_share_less(tries: _Tries, found: Solution) -> bool:
    """Whether all VMs have a place, in a plan that is above the bound by counting."""
    problem = tries.views[-1].problem
    if None in found.placements or sum(problem.start.cores.values()) > MOST_CORES:
        return False
    return found.cost.shared > tries.least(range(len(problem.demands)))


def _without_some(tries: _Tries, *, proven: bool) -> tuple[Table | None, bool]:
    """Return the seats that leave out the fewest vCPUs, and whether that is proven.

    `proven` is whether all VMs together are known not to fit.
    """
    full = tries.views[-1]
    asked = [asks(full.supply, order) for order in full.orders]
    totals = Totals(asked, host_totals(full.problem, full.supply))
    stow = tries.stow if is_rigid(tries.views[0].orders) else None
    trials = Trials(tries.place, tries.least, tries.left, stow)
    return fewest_out(full.problem, full.orders, totals, trials, proven=proven)


class _Tries(Struct, frozen=True):
    """Tries at sets of VMs, each by its number in the problem, out of one pool of steps."""

    views: Sequence[_View]
    """The problem as it is last; before it, where cores may be shared, without that."""
    pool: Effort
    evening: Effort
    """The steps for evening out nodes."""

    def left(self) -> int:
        """Return the steps that are left."""
        return self.pool.left

    def place(self, numbers: Sequence[int], most: int) -> tuple[Table | None, bool]:
        """Return seats for all of some VMs, or whether there are none for sure, in `most` steps."""
        part = Effort(min(self.pool.left, most))
        self.pool.left -= part.left
        found = _place(self.views, numbers, part, self.evening)
        self.pool.left += part.left
        return found

    def least(self, numbers: Sequence[int]) -> int:
        """Return how many siblings some VMs share at the least."""
        full = self.views[-1]
        return missing_cores(full.problem, [full.orders[n] for n in numbers])

    def stow(self, numbers: Sequence[int], weight: int) -> tuple[Table | None, bool]:
        """Return the best seats that leave out so many vCPUs or more, and whether proven.

        For VMs that are rigid: nothing but nodes decides.
        """
        first = self.views[0]
        orders = tuple([first.orders[n] for n in numbers])
        steps = Effort(min(self.pool.left, _STOWING * first.problem.budget))
        return stowed(Request(first.problem, first.supply, orders, steps), weight)


class _View(Struct, frozen=True, dict=True):
    """A problem in the packer's terms, worked out when they are asked for."""

    problem: Problem

    @cached_property
    def supply(self) -> Supply:
        return supply_of(self.problem)

    @cached_property
    def orders(self) -> list[Order]:
        return orders_of(self.problem, self.supply)


def _place(
    views: Sequence[_View], numbers: Sequence[int], pool: Effort, evening: Effort
) -> tuple[Table | None, bool]:
    """Return seats for all of some VMs, or whether there are none for sure."""
    best = _Best()
    for view in views:
        orders = tuple([view.orders[n] for n in numbers])
        least = missing_cores(view.problem, orders)
        # On few nodes evening out is quick and proves more, so packing does not try hard before.
        small = sum([len(o.pieces) for o in orders]) * len(view.problem.nodes) <= _FEW
        best.try_all(_tables(view, orders, least, pool, _BRIEF if small else pool.left), least)
        if best.shared > least and not best.none:
            best.try_all(_even(view, orders, (least, best.shared), evening), least)
        if small and best.table is None and not best.none:
            best.try_all(_tables(view, orders, least, pool, pool.left), least)
        if best.shared <= least:
            break
    return best.table, best.none or best.table is not None


class _Best(Struct):
    """The best seats so far."""

    table: Table | None = None
    shared: int = _ANY
    none: bool = False
    """Whether the last view shows that there are none for sure."""

    def try_all(self, tries: Iterable[tuple[Table | None, bool]], least: int) -> None:
        """Take the best of some tries, up to the first that shares the least."""
        for table, none in tries:
            self.none = none and self.table is None and table is None
            if (
                table is not None
                and (shared := shared_siblings(table.problem, table)) < self.shared
            ):
                self.table, self.shared = table, shared
            if self.shared <= least:
                return


def _even(
    view: _View, orders: tuple[Order, ...], prices: tuple[int, int], pool: Effort
) -> Iterator[tuple[Table | None, bool]]:
    """Yield better seats by evening out nodes, or whether there are none at all for sure.

    `prices` are the siblings shared at the least, and those to beat.
    """
    beside = overflow(view.problem, view.supply, orders)[view.supply.cores :]
    if any(need > 0 for need in beside):
        return
    given = min(_EVENING, pool.left // 4)
    effort = Effort(given)
    request = Request(view.problem, view.supply, orders, effort)
    inside = sum([order.crowded for order in orders])
    found, none = balanced(request, *prices, inside)
    pool.left -= given - effort.left
    yield found, none and all(order.sound for order in orders)


def _tables(
    view: _View, orders: tuple[Order, ...], least: int, pool: Effort, most: int
) -> Iterator[tuple[Table | None, bool]]:
    """Yield tries, with whether the last one shows that there is no place for all."""
    problem, supply = view.problem, view.supply
    sound = False not in [order.sound for order in orders]
    if () in [piece.lean for order in orders for piece in order.pieces]:
        yield None, True
        return
    if lacks(problem, supply, orders) or too_many_for_caches(problem, supply, orders):
        yield None, sound
        return
    for sizing, lean, tenths in _sizings(problem, orders, least):
        # Packing alone is always allowed; what it takes counts like so many steps.
        given = max(min(problem.budget * tenths, pool.left, most), min(problem.budget, 1))
        effort = Effort(given)
        table = arrange(Request(problem, supply, orders, effort), sizing, lean=lean)
        pool.left -= given - effort.left + _STEPS_A_VM * len(orders)
        if sizing is at_least:
            yield table, sound and not effort.cut
            if table is None:
                return
        elif table is not None:
            yield table, False


def _sizings(
    problem: Problem, orders: Sequence[Order], least: int
) -> Iterator[tuple[Callable[[Piece], Piece], bool, int]]:
    """Yield the sizes to try: the best where there is room, the least, and some between.

    The last number is the part of the effort, in tenths.
    """
    bends = [p for order in orders for p in order.pieces if p.lean != (p.best,)]
    if bends and not problem.sharing and not least:
        yield at_best, False, 1
    yield at_least, True, 10
    if bends and not problem.sharing:
        for part in (1.0, 0.97, 0.9, 0.75):
            yield _between(problem, orders, part), True, 1


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
