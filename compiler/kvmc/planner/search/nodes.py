"""Nodes in numbers while they are evened out: what is on each, and how far it is overfull."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.planner.problem import FRESH
from kvmc.planner.search.supply import above, closed
from kvmc.planner.search.tasks import is_narrow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.planner.problem import Problem
    from kvmc.planner.search.pieces import Choice, Piece
    from kvmc.planner.search.supply import Supply, Vector
    from kvmc.planner.search.tasks import Task

State = tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]
"""A node in numbers, and each of its bins."""


class Place(Struct):
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


class Nodes:
    """All nodes; a node is looked at anew after each change."""

    def __init__(self, problem: Problem, supply: Supply) -> None:
        self.problem, self.supply = problem, supply
        self.above = above(supply)
        self.cores = [0] * len(problem.bins)
        self.narrow = [0] * len(problem.bins)
        for core_class, count in problem.start.cores.items():
            if core_class.status == FRESH:
                self.cores[core_class.bin] += count
                self.narrow[core_class.bin] += count * is_narrow(core_class.free)
        self.places = [self._place(node) for node in range(len(problem.nodes))]

    def _place(self, node: int) -> Place:
        bins = [b for b, w in enumerate(self.problem.bins) if w.node == self.problem.nodes[node]]
        return Place(
            used=[0] * len(self.supply.nodes[node]),
            bins={b: list(self.supply.bins[b]) for b in bins},
            bin_wish=dict.fromkeys(bins, 0),
            bin_singles=dict.fromkeys(bins, 0),
            bin_paired=dict.fromkeys(bins, 0),
        )

    def look(self, number: int) -> bool:
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
                unused = idle_cores(self.narrow[b], place.bin_singles[b], place.bin_paired[b])
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
        place.idle = idle_cores(idle, place.singles, place.paired)
        cores = sum([self.cores[b] for b in place.bins]) - place.idle
        place.over = max(over, place.wish - cores)
        place.state = self._state(number)
        return True

    def _help(self, place: Place, left: list[int]) -> None:
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
    def _bent(place: Place, left: list[int]) -> list[int] | None:
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

    def caches(self, place: Place, piece: Piece) -> Iterator[tuple[int, Choice]]:
        """Yield the caches of a node that differ and hold a piece, each with a choice."""
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

    def put(self, task: Task, number: int, b: int, choice: Choice, sign: int) -> None:
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


def idle_cores(narrow: int, singles: int, paired: int) -> int:
    """Return how many cores are lost because some with one free thread are of no use."""
    left = max(narrow - singles, 0)
    return left - min(left, paired) // 2
