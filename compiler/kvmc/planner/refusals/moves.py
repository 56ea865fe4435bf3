"""The fewest locked VMs that would have to move to make room: by counting, then by searching.

A node's numbers (`supply.py`) say what must be free there for a piece to fit, and which VMs would
have to go for it; whoever goes needs a place too. Those chains (F. Glover, "Ejection chains", 1996)
are followed with one VM more at a time. The numbers rule out; whether a set of VMs that they leave
really makes room is for the search to say. Where the effort ends nothing is said.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.planner.refusals.leases import rooms_of
from kvmc.planner.refusals.spots import narrow
from kvmc.planner.search.pieces import orders_of
from kvmc.planner.search.sums import lacks
from kvmc.planner.search.supply import supply_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.held import Held
    from kvmc.planner.problem import Problem
    from kvmc.planner.refusals.rooms import Need, Rooms, Spot
    from kvmc.planner.search.supply import Vector

_STEPS = 12_000
"""Looks at a place for a piece: some 0.1 s of Python."""
_TRIALS = 32
"""Searches for whether a set of VMs really makes room."""

Pending = tuple["Need", ...]


def fewest_moves(
    host: Host,
    problem: Problem,
    kept: Mapping[str, Held],
    fits: Callable[[frozenset[str]], bool],
) -> tuple[str, ...]:
    """Return the names of the fewest kept VMs that make room if they may move; () if none found.

    `problem` is that of all VMs with nobody kept; `fits` says whether all VMs find a place once
    those named may move.
    """
    supply = supply_of(problem)
    orders = orders_of(problem, supply)
    if lacks(problem, supply, [order for order in orders if order.sound]):
        return ()
    rooms = rooms_of(problem, supply, orders, kept, host)
    if not narrow(rooms):
        return ()
    for name in kept.keys() & rooms.leases.keys():
        rooms.keep(name)
    kinds: dict[object, int] = {}
    for name in rooms.movable:
        kinds.setdefault(rooms.likeness(name), len(kinds))
    chase = _Chase(rooms, fits, {n: kinds[rooms.likeness(n)] for n in rooms.movable})
    for depth in range(1, len(rooms.movable) + 1):
        found = chase.within(depth)
        if found or chase.tired or not chase.cut:
            return tuple(sorted(found))
    return ()


class _Chase(Struct):
    """The hunt for a set of movers, with one more allowed at a time."""

    rooms: Rooms
    fits: Callable[[frozenset[str]], bool]
    kinds: dict[str, int]
    """The same number for VMs of which it does not matter which one moves."""
    depth: int = 0
    steps: int = _STEPS
    trials: int = _TRIALS
    cut: bool = False
    """Whether more movers might have helped."""
    movers: list[str] = []
    tried: set[frozenset[str]] = set()
    seen: set[object] = set()

    @property
    def tired(self) -> bool:
        """Whether no effort is left."""
        return self.steps <= 0 or self.trials <= 0

    def within(self, depth: int) -> frozenset[str]:
        """Return so many movers, or fewer, that make room; an empty set where there are none."""
        self.depth, self.cut = depth, False
        self.seen.clear()
        return self._settle(self.rooms.seeking())

    def _settle(self, pending: Pending) -> frozenset[str]:
        """Give the first piece each place it may have, and then the rest."""
        if not pending:
            return self._check()
        need, rest = pending[0], pending[1:]
        last = len(self.movers) == self.depth
        if last and not all(map(self.rooms.takes_in, pending)):
            self.cut = True
            return frozenset()
        crowded: list[tuple[Spot, Vector]] = []
        for spot in self.rooms.spots(need):
            for option in need.options:
                self.steps -= 1
                if self.tired:
                    return frozenset()
                if not self.rooms.holds(spot, option):
                    crowded.append((spot, option))
                    continue
                found = self._put(need, spot, option, rest)
                if found:
                    return found
        self.cut |= last and bool(crowded)
        for spot, option in () if last else crowded:
            found = self._clear(need, spot, option, rest)
            if found:
                return found
        return frozenset()

    def _put(self, need: Need, spot: Spot, option: Vector, rest: Pending) -> frozenset[str]:
        self.rooms.put(need, spot, option)
        found = self._settle(rest)
        self.rooms.lift(need, spot, option)
        return found

    def _clear(self, need: Need, spot: Spot, option: Vector, rest: Pending) -> frozenset[str]:
        """Let VMs move away from where the piece is to be: every set that is just enough."""
        enough: list[frozenset[str]] = []
        known: set[object] = set()
        for names in self._helpers(spot, option):
            self.steps -= 1
            if self.tired:
                return frozenset()
            alike = frozenset(Counter([self.kinds[name] for name in names]).items())
            if alike in known or any(less <= set(names) for less in enough):
                continue
            known.add(alike)
            self._go(names)
            found: frozenset[str] = frozenset()
            if self.rooms.holds(spot, option):
                enough.append(frozenset(names))
                found = self._put(need, spot, option, self.rooms.with_needs(rest, names))
            self._back(names)
            if found:
                return found
        return frozenset()

    def _helpers(self, spot: Spot, option: Vector) -> Iterator[tuple[str, ...]]:
        """Yield the sets of VMs on a spot that may be enough, small sets and small VMs first."""
        lacking = self.rooms.lacking(spot, option)
        there = [name for name in self.rooms.helping(spot, lacking) if name not in self.movers]
        left = self.depth - len(self.movers)
        least = self.rooms.least_helpers(spot, lacking, there)
        self.cut |= left < len(there)
        for size in range(least, min(left, len(there)) + 1):
            yield from combinations(there, size)

    def _check(self) -> frozenset[str]:
        """Everything that a rule binds has a place: look at the rest, and ask the search."""
        movers = frozenset(self.movers)
        if self.rooms.holds_loose() and movers and movers not in self.tried:
            self.tried.add(movers)
            self.trials -= 1
            if self.fits(movers):
                return movers
        if len(movers) == self.depth:
            self.cut = True
            return frozenset()
        return self._one_more(movers)

    def _one_more(self, movers: frozenset[str]) -> frozenset[str]:
        """Let one more VM go, where the numbers do not show which one it takes."""
        for name in self.rooms.movable:
            more = movers | {name}
            key = (more, self.rooms.settled())
            if name in movers or key in self.seen:
                continue
            self.seen.add(key)
            if len(more) == self.depth and more in self.tried:
                continue
            self.steps -= 1
            if self.tired:
                return frozenset()
            self._go((name,))
            found = self._settle(self.rooms.with_needs((), (name,)))
            self._back((name,))
            if found:
                return found
        return frozenset()

    def _go(self, names: Sequence[str]) -> None:
        self.movers += names
        for name in names:
            self.rooms.free(name)

    def _back(self, names: Sequence[str]) -> None:
        for name in reversed(names):
            self.movers.remove(name)
            self.rooms.keep(name)
