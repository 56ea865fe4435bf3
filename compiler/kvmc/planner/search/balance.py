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

from itertools import accumulate
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.planner.problem import FRESH
from kvmc.planner.search.crowd import Crowd
from kvmc.planner.search.packing import board_of, needs_of, size_of
from kvmc.planner.search.sizing import Sizing, Spot, above, bend_of, closed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kvmc.planner.problem import Problem
    from kvmc.planner.search.completion import Effort
    from kvmc.planner.search.pieces import Choice, Piece
    from kvmc.planner.search.sizing import Bend, Spots
    from kvmc.planner.search.supply import Supply, Vector

_LEAF = 10
"""Steps that it takes to see whether the others have room."""
_MOST_LEAVES = 40
"""Places for all bound VMs that are turned into seats before giving up."""


State = tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]
"""A node in numbers, and each of its bins."""


class _Task(Struct, frozen=True):
    piece: Piece
    needs: Vector
    """At its fewest cores; memory and the like after the cores where bound."""
    wish: int
    singles: int
    """vCPUs that can go onto cores with one free thread."""
    paired: int
    """The same for those of whole guest cores: two such cores stand in for one."""
    bend: Bend | None
    first: bool
    """Whether no other piece of its VM was placed before."""


class _Place(Struct):
    """A node: what is on it so far."""

    used: list[int]
    bins: dict[int, list[int]]
    """Bin -> what is left of each union."""
    bin_wish: dict[int, int]
    bin_singles: dict[int, int]
    bin_paired: dict[int, int]
    wish: int = 0
    singles: int = 0
    paired: int = 0
    idle: int = 0
    """Cores with one free thread that nobody here can use."""
    bends: dict[Vector, int] = {}
    """Change -> steps by which pieces here may be bent."""
    bin_bends: dict[Vector, int] = {}
    """The same for pieces that a rule keeps within a cache."""
    left: Vector = ()
    """What is left of each union for those that nothing binds."""
    most: Vector = ()
    """The same at most, if pieces here are bent."""
    bent: tuple[Vector, int] = ((), 0)
    """By which change, and by how many steps, pieces here must be bent at the least."""
    over: int = 0
    state: State = ((), ())
    vms: set[int] = set()


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
        self.above = above(supply)
        self.cores = [0] * len(problem.bins)
        self.narrow = [0] * len(problem.bins)
        for core_class, count in problem.start.cores.items():
            if core_class.status == FRESH:
                self.cores[core_class.bin] += count
                self.narrow[core_class.bin] += count * _is_narrow(core_class.free)
        self.bound = [p for p in pieces if p.bound or p.cached]
        self.loose = [p for p in pieces if not (p.bound or p.cached)]
        self.bends = {(p.vm, p.group): bend_of(p) for p in pieces}
        self.tasks = self._tasks(pieces)
        self.needs = self._needs()
        self.sums = self._sums()
        later = [*self.loose, *[task.piece for task in reversed(self.tasks)]]
        singles = [self._singles(piece) for piece in later]
        self.singles = [0, *accumulate([one for one, _ in singles])][len(self.loose) :][::-1]
        self.paired = [0, *accumulate([two for _, two in singles])][len(self.loose) :][::-1]
        self.lacking = sum([piece.best.units for piece in pieces]) - sum(self.cores)
        self.crowd = Crowd(problem, self.cores, pieces)
        self.places = [self._place(node) for node in range(len(problem.nodes))]
        self.seen: dict[object, int] = {}
        self.spots: Spots = {}
        self.leaves = 0
        self.exact = self._is_exact()
        self.floor = self.best = self.inside = 0

    def run(self, floor: int, best: int, inside: int) -> None:
        """Look for prices below `best`, down to `floor`; all VMs at their best cost `inside`."""
        self.floor, self.best, self.inside = floor, best, inside
        for number in range(len(self.places)):
            self._look(number)
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

    def _tasks(self, pieces: Sequence[Piece]) -> list[_Task]:
        board = board_of(self.problem, self.supply, pieces)
        by_vm: dict[int, list[Piece]] = {}
        for piece in sorted(self.bound, key=lambda p: (-size_of(board, p), p.group)):
            by_vm.setdefault(piece.vm, []).append(piece)
        order = sorted(
            by_vm.values(),
            key=lambda mine: (not mine[0].cached, -size_of(board, mine[0]), -len(mine), mine[0].vm),
        )
        found = []
        for mine in order:
            for number, piece in enumerate(mine):
                choice = piece.lean[0]
                needs = needs_of(piece, choice)
                bend = self.bends[piece.vm, piece.group]
                one, two = self._singles(piece)
                wish, first = piece.best.units, number == 0
                found.append(_Task(piece, needs, wish, one, two, bend, first))
        return found

    def _singles(self, piece: Piece) -> tuple[int, int]:
        """Return how many cores with one free thread a piece could use: one by one, in pairs."""
        problem = self.problem
        demand, view = problem.demands[piece.vm], problem.view[piece.vm]
        joins = demand.prefers and piece.group >= 0
        fits = self.supply.sets.get((view, 1, joins), 0)
        if not any(
            fits >> number & 1 and status == FRESH and _is_narrow(free)
            for (free, status), number in self.supply.types.items()
        ):
            return 0, 0
        if piece.group < 0:
            return piece.best.units, 0
        vcpus = len(demand.groups[piece.group].dedicated)
        return (0, vcpus) if piece.best.units * 2 == vcpus else (vcpus, 0)

    def _needs(self) -> list[Vector]:
        """Return, for each task, what it and all after it and the unbound take at the least."""
        needs = [(0,) * self.supply.cores]
        for piece in (*self.loose, *[task.piece for task in reversed(self.tasks)]):
            least = [min(column) for column in zip(*[c.cores for c in piece.lean], strict=True)]
            needs.append(tuple([a + b for a, b in zip(needs[-1], least, strict=True)]))
        return needs[len(self.loose) :][::-1]

    def _sums(self) -> list[int]:
        """Return the same for the sum over all unions, which no bending lessens."""
        sums = [0]
        for piece in (*self.loose, *[task.piece for task in reversed(self.tasks)]):
            sums.append(sums[-1] + min([sum(choice.cores) for choice in piece.lean]))
        return sums[len(self.loose) :][::-1]

    def _place(self, node: int) -> _Place:
        bins = [b for b, w in enumerate(self.problem.bins) if w.node == self.problem.nodes[node]]
        return _Place(
            used=[0] * len(self.supply.nodes[node]),
            bins={b: list(self.supply.bins[b]) for b in bins},
            bin_wish=dict.fromkeys(bins, 0),
            bin_singles=dict.fromkeys(bins, 0),
            bin_paired=dict.fromkeys(bins, 0),
        )

    def _look(self, number: int) -> bool:
        """Work out what is left of a node and how far it is overfull; False where it cannot be."""
        place, width = self.places[number], self.supply.cores
        used = place.used
        for have, need in zip(self.supply.nodes[number][width:], used[width:], strict=True):
            if need > have:
                return False
        left = [-need for need in used[:width]]
        over = idle = 0
        for b, has in place.bins.items():
            for u, all_of_it in enumerate(self.above):
                left[u] += min([has[v] for v in all_of_it])
            if place.bin_wish[b]:
                unused = _idle(self.narrow[b], place.bin_singles[b], place.bin_paired[b])
                over += max(place.bin_wish[b] - self.cores[b] + unused, 0)
                idle += unused
            else:
                idle += self.narrow[b]
        place.bent = ((), 0)
        if min(left, default=0) < 0:
            bent = self._bent(place, left)
            if bent is None:
                return False
            left = bent
        place.left = closed(self.above, left)
        if place.bends or place.bin_bends:
            self._help(place, left)
        place.most = closed(self.above, left)
        place.idle = _idle(idle, place.singles, place.paired)
        cores = sum([self.cores[b] for b in place.bins]) - place.idle
        place.over = max(over, place.wish - cores)
        place.state = self._state(number)
        return True

    def _help(self, place: _Place, left: list[int]) -> None:
        """Add what bending pieces of a node may free of each union."""
        spent, steps = place.bent
        bends = dict(place.bends)
        if steps:
            bends[spent] -= steps
        for change, most in bends.items():
            for u, more in enumerate(change):
                left[u] += max(-more, 0) * most
        for change, most in place.bin_bends.items():
            for u, more in enumerate(change):
                left[u] += max(-more, 0) * most

    @staticmethod
    def _bent(place: _Place, left: list[int]) -> list[int] | None:
        """Return what is left once some pieces are cut onto more cores, where that helps."""
        for change, most in place.bends.items():
            steps = 0
            for have, more in zip(left, change, strict=True):
                if have < 0:
                    steps = max(steps, -(have // -more) if more < 0 else most + 1)
            bent = [have - steps * more for have, more in zip(left, change, strict=True)]
            if steps <= most and min(bent) >= 0:
                place.bent = (change, steps)
                return bent
        return None

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
            self._put(task, number, b, choice, 1)
            self.spots[task.piece.vm, task.piece.group] = Spot(number, b, choice)
            if self._look(number):
                yield True
            self._put(task, number, b, choice, -1)
            self._look(number)
            if self.done:
                return

    def _price(self, index: int) -> int:
        """Return how many siblings are shared at the least."""
        idle = _idle(sum([p.idle for p in self.places]), self.singles[index], self.paired[index])
        over = sum([place.over for place in self.places])
        return self.inside + max(over, self.lacking + idle)

    def _is_hopeless(self, index: int) -> bool:
        """Whether the rest has no room, or costs too much, or was tried before for no more."""
        price = self._price(index)
        if price >= self.best:
            return True
        if sum([sum(place.left) for place in self.places]) < self.sums[index]:
            return True
        most = [sum(column) for column in zip(*[place.most for place in self.places], strict=True)]
        if any(need > have for need, have in zip(self.needs[index], most, strict=True)):
            return True
        if index < len(self.tasks) and not self.tasks[index].first:
            return False
        key = (index, tuple(sorted([place.state for place in self.places])))
        if self.seen.get(key, price + 1) <= price:
            return True
        self.seen[key] = price
        return False

    def _state(self, number: int) -> State:
        """Return all that tells a node from another, but for how far it is from others."""
        place, has = self.places[number], self.supply.nodes[number]
        bins = [
            (
                self.cores[b] - place.bin_wish[b],
                *left,
                place.bin_singles[b],
                place.bin_paired[b],
                self.problem.bins[b].l3 is None,
            )
            for b, left in place.bins.items()
        ]
        rest = [have - need for have, need in zip(has, place.used, strict=True)]
        bends = sum(place.bends.values()), sum(place.bin_bends.values())
        known = self.problem.nodes[number] is not None
        return (known, *rest, place.wish, place.singles, place.paired, *bends), tuple(sorted(bins))

    def _options(self, task: _Task) -> Iterator[tuple[int, int, Choice]]:
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
            spare = sum([self.cores[b] for b in place.bins]) - place.wish - task.wish
            if piece.cached and piece.lean[0].units:
                for b, choice in self._caches(place, piece):
                    room = self.cores[b] - place.bin_wish[b] - task.wish
                    more = max(-room, 0)
                    found.append((more, abs(room), abs(spare), number, b, choice))
            else:
                fill = sum(place.left) if spare < 0 else spare
                found.append((max(-spare, 0), fill, 0, number, -1, piece.lean[0]))
        for _, _, _, number, b, choice in sorted(found, key=lambda f: f[:5]):
            yield number, b, choice

    def _caches(self, place: _Place, piece: Piece) -> Iterator[tuple[int, Choice]]:
        seen = set()
        for b, left in place.bins.items():
            key = (tuple(left), self.cores[b] - place.bin_wish[b])
            if self.problem.bins[b].l3 is None or key in seen:
                continue
            seen.add(key)
            for choice in piece.lean:
                if all(need <= have for need, have in zip(choice.cores, left, strict=True)):
                    yield b, choice
                    break

    def _put(self, task: _Task, number: int, b: int, choice: Choice, sign: int) -> None:
        """Set a piece down (1) or take it up again (-1)."""
        place, piece = self.places[number], task.piece
        place.wish += sign * task.wish
        used = place.used
        if b >= 0:
            left = place.bins[b]
            for u, need in enumerate(choice.cores):
                left[u] -= sign * need
            place.bin_wish[b] += sign * task.wish
            place.bin_singles[b] += sign * task.singles
            place.bin_paired[b] += sign * task.paired
        else:
            for u, need in enumerate(choice.cores):
                used[u] += sign * need
            place.singles += sign * task.singles
            place.paired += sign * task.paired
        if piece.bound:
            for d, need in enumerate(piece.beside, self.supply.cores):
                used[d] += sign * need
            (place.vms.add if sign > 0 else place.vms.discard)(piece.vm)
        if task.bend is not None:
            bends, change = place.bin_bends if b >= 0 else place.bends, task.bend.change
            bends[change] = bends.get(change, 0) + sign * task.bend.steps

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


def _is_narrow(free: Sequence[int]) -> bool:
    """Whether a core has one free thread only, whoever asks."""
    return max([mask.bit_count() for mask in free]) == 1


def _idle(narrow: int, singles: int, paired: int) -> int:
    """Return how many cores are lost because some with one free thread are of no use."""
    left = max(narrow - singles, 0)
    return left - min(left, paired) // 2
