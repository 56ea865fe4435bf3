"""Third pass: no node overfull while others have cores to spare.

What a rule binds can take cores of its own node only, everything else takes any. So the siblings
shared follow from the places of the bound VMs alone: they are the cores that the VMs of a node wish
for beyond those it has, summed over nodes, or what is lacking on the whole host, whichever is more.
Branch and bound over these places (A. H. Land and A. G. Doig, 1960): large VMs first, nodes that
are alike tried once, states met before at no higher price not entered again. A place for all bound
VMs counts where the cores that are left hold the others: by Hall's condition, closed over all sets
of core types that contain a set, as what is taken from any core may be taken from the scarce ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.planner.search.bends import bend_of
from kvmc.planner.search.crowd import Crowd
from kvmc.planner.search.nodes import Nodes, idle_cores
from kvmc.planner.search.sizing import Sizing, Spot
from kvmc.planner.search.tasks import tasks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kvmc.planner.problem import Problem
    from kvmc.planner.search.fills import Effort
    from kvmc.planner.search.pieces import Choice, Piece
    from kvmc.planner.search.sizing import Spots
    from kvmc.planner.search.supply import Supply
    from kvmc.planner.search.tasks import Task

_LEAF = 10
"""Steps that it takes to see whether the others have room."""
_MOST_LEAVES = 40
"""Places for all bound VMs that are turned into seats before giving up."""


class Search:
    """One search; `best` is the price to beat."""

    def __init__(
        self,
        problem: Problem,
        supply: Supply,
        pieces: Sequence[Piece],
        effort: Effort,
        accept: Callable[[Spots, int], int | None],
    ) -> None:
        self.problem, self.supply, self.effort, self.accept = problem, supply, effort, accept
        self.nodes = Nodes(problem, supply)
        self.places = self.nodes.places
        self.bound = [p for p in pieces if p.bound or p.cached]
        self.loose = [p for p in pieces if not (p.bound or p.cached)]
        self.bends = {(p.vm, p.group): bend_of(p) for p in pieces}
        self.ahead = tasks_of(problem, supply, pieces, self.bends)
        self.tasks = self.ahead.tasks
        cores = self.nodes.cores
        self.lacking = sum([piece.best.units for piece in pieces]) - sum(cores)
        self.crowd = Crowd(problem, cores, pieces)
        self.seen: dict[object, int] = {}
        self.spots: Spots = {}
        self.leaves = 0
        self.exact = self._is_exact()
        self.floor = self.best = self.inside = 0

    def run(self, floor: int, best: int, inside: int) -> None:
        """Look for prices below `best`, down to `floor`; all VMs at their best cost `inside`."""
        self.floor, self.best, self.inside = floor, best, inside
        for number in range(len(self.places)):
            self.nodes.look(number)
        self.floor = max(floor, self._price(0))
        # A walk without recursion: hundreds of VMs are deep.
        levels = [self._visit(0)]
        while levels:
            if next(levels[-1], False):
                levels.append(self._visit(len(levels)))
            else:
                levels.pop()

    @property
    def proves(self) -> bool:
        """Whether there is no place for all, where none was found."""
        return self.exact and not self.leaves and not self.effort.cut

    def _is_exact(self) -> bool:
        """Whether a place for all bound VMs that leaves no room for the others is sure to be none.

        That is so where nothing bends, or all in the same way, and caches are no parts of others.
        """
        changes = {bend.change for bend in self.bends.values() if bend}
        cached = [p for p in self.bound if p.cached]
        bent = any(len(p.lean) > 1 for p in cached) or len(changes) > 1
        uneven = any(
            len(p.lean) > 1 and not self.bends[p.vm, p.group] for p in (*self.bound, *self.loose)
        )
        return not (bent or uneven or (cached and self.problem.wide))

    @property
    def done(self) -> bool:
        """Whether there is nothing more to be had."""
        spent = self.effort.left <= 0 or self.leaves >= _MOST_LEAVES
        self.effort.cut |= spent
        return self.best <= self.floor or spent

    def _visit(self, index: int) -> Iterator[bool]:
        """Place a piece in every way that may beat the best price; yield where the next may be."""
        if self.done or self._is_hopeless(index):
            return
        if index == len(self.tasks):
            self._finish(max(self._price(index), self.floor))
            return
        task = self.tasks[index]
        for number, b, choice in self._options(task):
            self.effort.left -= 1
            self.nodes.put(task, number, b, choice, 1)
            self.spots[task.piece.vm, task.piece.group] = Spot(number, b, choice)
            if self.nodes.look(number):
                yield True
            self.nodes.put(task, number, b, choice, -1)
            self.nodes.look(number)
            if self.done:
                return

    def _price(self, index: int) -> int:
        """Return how many siblings are shared at the least."""
        idle = idle_cores(
            sum([p.idle for p in self.places]), self.ahead.singles[index], self.ahead.paired[index]
        )
        over = sum([place.over for place in self.places])
        return self.inside + max(over, self.lacking + idle)

    def _is_hopeless(self, index: int) -> bool:
        """Whether the rest has no room, or costs too much, or was tried before for no more."""
        price = self._price(index)
        if price >= self.best:
            return True
        if sum([sum(place.left) for place in self.places]) < self.ahead.sums[index]:
            return True
        most = [sum(column) for column in zip(*[place.most for place in self.places], strict=True)]
        if any(need > have for need, have in zip(self.ahead.needs[index], most, strict=True)):
            return True
        if index < len(self.tasks) and not self.tasks[index].first:
            return False
        key = (index, tuple(sorted([place.state for place in self.places])))
        if self.seen.get(key, price + 1) <= price:
            return True
        self.seen[key] = price
        return False

    def _options(self, task: Task) -> Iterator[tuple[int, int, Choice]]:
        """Yield the nodes (and bins) for a piece that differ, where it fits best first."""
        found = []
        seen = set()
        piece = task.piece
        for number, place in enumerate(self.places):
            if piece.bound and (piece.vm in place.vms or self.problem.nodes[number] is None):
                continue
            if place.state in seen:
                continue
            seen.add(place.state)
            spare = sum([self.nodes.cores[b] for b in place.bins]) - place.wish - task.wish
            if piece.cached and piece.lean[0].units:
                for b, choice in self.nodes.caches(place, piece):
                    room = self.nodes.cores[b] - place.bin_wish[b] - task.wish
                    more = max(-room, 0)
                    found.append((more, abs(room), abs(spare), number, b, choice))
            else:
                fill = sum(place.left) if spare < 0 else spare
                found.append((max(-spare, 0), fill, 0, number, -1, piece.lean[0]))
        for _, _, _, number, b, choice in sorted(found, key=lambda f: f[:5]):
            yield number, b, choice

    def _finish(self, expected: int) -> None:
        """Turn places into spots and see whether the others have room."""
        bare = [tuple(place.used[: self.supply.cores]) for place in self.places]
        bent = {n: place.bent for n, place in enumerate(self.places) if place.bent[1]}
        self.effort.left -= _LEAF
        pieces = [*self.bound, *self.loose]
        sizing = Sizing(self.problem, self.supply, pieces, self.bends, self.spots)
        spots = sizing.sized(bare, bent)
        if spots is None or self._shared(spots) >= self.best:
            return
        self.leaves += 1
        price = self.accept(spots, expected)
        if price is not None and price < self.best:
            self.best = price

    def _shared(self, spots: Spots) -> int:
        """Return how many siblings these spots share at the least."""
        if self.problem.sharing:
            return self.crowd.shared(spots)
        total = 0
        for (vm, group), spot in spots.items():
            if group >= 0:
                variant = self.problem.demands[vm].variants[spot.choice.variant]
                total += variant.cuts[group][spot.choice.cut].shared
        return total
