"""Onto how many cores every piece is cut once it is known which node or cache it gets.

Where some cores have fewer free threads than others, or cores are left, a `prefer` VM may be cut
onto more cores: one step is one core more, and one pair of vCPUs less. Steps are taken first where
cores of some type are lacking, then wherever they leave fewer siblings shared.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvmc.planner.problem import Problem
    from kvmc.planner.search.pieces import Choice, Piece
    from kvmc.planner.search.supply import Supply, Vector


class Spot(NamedTuple):
    """Where a piece goes: a node and a bin by their place in the problem, -1 for any."""

    node: int
    bin: int
    choice: Choice


Spots = dict[tuple[int, int], Spot]
"""(VM, group) -> its spot."""


class Bend(NamedTuple):
    """How a piece may be cut onto more cores: what one step changes, and how many there are."""

    change: Vector
    steps: int


def bend_of(piece: Piece) -> Bend | None:
    """Return how a piece may be cut onto more cores; None where it cannot, or not evenly."""
    if len(piece.lean) == 1:
        steps = piece.best.units - piece.lean[0].units
        rungs = {c.units: c.cores for c in piece.ladder}
        ends = [rungs.get(piece.lean[0].units + n) for n in range(steps + 1)]
    else:
        ends = [c.cores for c in sorted(piece.lean, key=lambda c: c.units)]
    if ends[0] != piece.lean[0].cores or None in ends:
        return None
    changes = {
        tuple([b - a for a, b in zip(one or (), two or (), strict=True)])
        for one, two in pairwise(ends)
    }
    return Bend(changes.pop(), len(ends) - 1) if len(changes) == 1 else None


def above(supply: Supply) -> list[list[int]]:
    """Return, for each union of core types, the unions that contain it."""
    return [
        [v for v, other in enumerate(supply.unions) if other | union == other]
        for union in supply.unions
    ]


def closed(above: Sequence[Sequence[int]], left: Sequence[int]) -> Vector:
    """Return what is left for units that may go anywhere else too: the least of what contains it.

    A core of a wide union may be the scarce one of a narrow union, so taking the one may take the
    other.
    """
    return tuple([min([left[v] for v in containing]) for containing in above])


class _Target(Struct):
    """Pieces with the same room that are bent in the same way."""

    node: int
    bin: int
    change: Vector
    pieces: list[Piece]
    gains: int = 0
    most: int = 0
    steps: int = 0


class _Room(Struct):
    """What is left while pieces are bent."""

    above: list[list[int]]
    bins_of: list[list[int]]
    bins: list[list[int]]
    used: list[list[int]]
    """Node -> what its bound pieces take of each union."""
    left: list[Vector]
    lack: list[int]
    """What those that nothing binds lack of each union; negative: what is left in the end."""

    def look(self, node: int) -> Vector | None:
        """Return what is left of a node, as its bins are; None where it is overfull."""
        left = [-need for need in self.used[node]]
        for b in self.bins_of[node]:
            own = closed(self.above, self.bins[b])
            if min(own, default=0) < 0:
                return None
            left = [have + more for have, more in zip(left, own, strict=True)]
        return None if min(left, default=0) < 0 else closed(self.above, left)

    def bend(self, target: _Target, steps: int) -> list[int] | None:
        """Bend by so many steps (back, where negative); return the new lack, None for no room."""
        change = [steps * c for c in target.change]
        if target.node < 0:
            return [n + c for n, c in zip(self.lack, change, strict=True)]
        if target.bin >= 0:
            left = self.bins[target.bin]
            left[:] = [have - c for have, c in zip(left, change, strict=True)]
        else:
            used = self.used[target.node]
            used[:] = [need + c for need, c in zip(used, change, strict=True)]
        now = self.look(target.node)
        if now is None:
            return None
        before = self.left[target.node]
        return [n + was - rest for n, was, rest in zip(self.lack, before, now, strict=True)]

    def copy(self) -> _Room:
        """Return a copy that `restore` can go back to."""
        bins, used = [list(b) for b in self.bins], [list(u) for u in self.used]
        return _Room(self.above, self.bins_of, bins, used, list(self.left), list(self.lack))

    def restore(self, before: _Room) -> None:
        """Go back to a copy."""
        self.bins, self.used, self.left = before.bins, before.used, before.left
        self.lack = before.lack

    def try_step(self, target: _Target) -> list[int] | None:
        """Return what would be lacking after one step; nothing changes."""
        if target.steps >= target.most:
            return None
        found = self.bend(target, 1)
        if target.node >= 0:
            self.bend(target, -1)
        return found

    def step(self, target: _Target) -> None:
        """Bend for good."""
        found = self.bend(target, 1)
        target.steps += 1
        if found is None:
            return
        self.lack = found
        if target.node >= 0:
            now = self.look(target.node)
            self.left[target.node] = now if now is not None else self.left[target.node]


class Sizing(Struct, frozen=True):
    """What is to be cut, once the spots of all bound pieces are known."""

    problem: Problem
    supply: Supply
    pieces: Sequence[Piece]
    bends: Mapping[tuple[int, int], Bend | None]
    spots: Spots

    def sized(self, used: Sequence[Vector], bent: Mapping[int, tuple[Vector, int]]) -> Spots | None:
        """Return a spot and a cut for every piece; None where what nothing binds has no room.

        `used` is what bound pieces take of each node's unions, `bent` by how many steps the pieces
        of a node must be bent at the least.
        """
        targets = self._targets()
        room = self._room(used)
        for target in targets:
            change, steps = bent.get(target.node, ((), 0))
            if target.node >= 0 and target.bin < 0 and change == target.change:
                need = room.used[target.node]
                need[:] = [n + steps * c for n, c in zip(need, change, strict=True)]
                target.steps += steps
        for node in range(len(self.problem.nodes)):
            left = room.look(node)
            if left is None:
                return None
            room.left[node] = left
        room.lack = [-sum(column) for column in zip(*room.left, strict=True)]
        for piece in self.pieces:
            if not (piece.bound or piece.cached):
                room.lack = [n + c for n, c in zip(room.lack, piece.lean[0].cores, strict=True)]
        if not _mend(room, targets):
            return None
        _gain(room, targets)
        return self._dealt(targets)

    def _targets(self) -> list[_Target]:
        found: dict[tuple[int, int, Vector], _Target] = {}
        for piece in self.pieces:
            bend = self.bends[piece.vm, piece.group]
            if bend is None or self.problem.sharing:
                continue
            spot = self.spots.get((piece.vm, piece.group), Spot(-1, -1, piece.lean[0]))
            if spot.choice != piece.lean[0]:
                continue
            key = (spot.node, spot.bin, bend.change)
            target = found.setdefault(key, _Target(*key, []))
            target.pieces.append(piece)
            target.most += bend.steps
            target.gains += min(piece.best.units - piece.lean[0].units, bend.steps)
        # What nothing binds bends first: it takes what is left anywhere.
        return [found[key] for key in sorted(found)]

    def _room(self, used: Sequence[Vector]) -> _Room:
        problem = self.problem
        bins = [list(has) for has in self.supply.bins]
        for spot in self.spots.values():
            if spot.bin >= 0:
                left = bins[spot.bin]
                left[:] = [have - c for have, c in zip(left, spot.choice.cores, strict=True)]
        bins_of = [
            [b for b, where in enumerate(problem.bins) if where.node == node]
            for node in problem.nodes
        ]
        use = [list(one) for one in used]
        return _Room(above(self.supply), bins_of, bins, use, [()] * len(used), [])

    def _dealt(self, targets: Sequence[_Target]) -> Spots:
        """Return all spots, steps dealt to those first that share fewer siblings thereby."""
        found = dict(self.spots)
        for piece in self.pieces:
            found.setdefault((piece.vm, piece.group), Spot(-1, -1, piece.lean[0]))
        for target in targets:
            left = target.steps
            given = [0] * len(target.pieces)
            for gains in (True, False):
                for number, piece in enumerate(target.pieces):
                    bend = self.bends[piece.vm, piece.group]
                    most = bend.steps if bend else 0
                    if gains:
                        most = min(most, piece.best.units - piece.lean[0].units)
                    more = min(max(most - given[number], 0), left)
                    given[number] += more
                    left -= more
            for piece, steps in zip(target.pieces, given, strict=True):
                choice = _rung(piece, piece.lean[0].units + steps)
                found[piece.vm, piece.group] = Spot(target.node, target.bin, choice)
        return found


def _mend(room: _Room, targets: Sequence[_Target]) -> bool:
    """Bend pieces until nothing is lacking; False where that does not help."""
    while (lacking := sum([max(n, 0) for n in room.lack])) > 0:
        tries = [(now, t) for t in targets if (now := room.try_step(t)) is not None]
        best = min(tries, key=lambda one: sum([max(n, 0) for n in one[0]]), default=None)
        if best is None or sum([max(n, 0) for n in best[0]]) >= lacking:
            return False
        room.step(best[1])
    return True


def _gain(room: _Room, targets: Sequence[_Target]) -> None:
    """Bend pieces as long as fewer siblings are shared and nothing is lacking.

    What then lacks of scarce cores others may give, who only lose that their guest cores are whole.
    """
    for target in targets:
        while target.steps < target.gains:
            now = room.try_step(target)
            if now is None:
                break
            before = room.copy(), [t.steps for t in targets]
            room.step(target)
            if not _mend(room, targets):
                room.restore(before[0])
                for one, steps in zip(targets, before[1], strict=True):
                    one.steps = steps
                break


def _rung(piece: Piece, units: int) -> Choice:
    every = (*piece.ladder, *piece.lean)
    return next((one for one in every if one.units == units), piece.lean[0])
