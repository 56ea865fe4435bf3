"""What it changes when pieces are cut onto more cores, and which steps are worth taking.

Where some cores have fewer free threads than others, or cores are left, a `prefer` VM may be cut
onto more cores: one step is one core more, and one pair of vCPUs less.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from kvmc.planner.search.supply import closed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.search.pieces import Piece
    from kvmc.planner.search.supply import Vector


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


class Target(Struct):
    """Pieces with the same room that are bent in the same way."""

    node: int
    bin: int
    """Both as of their spots: -1 for any."""
    change: Vector
    """What one step takes more of each union."""
    pieces: list[Piece]
    gains: int = 0
    """Steps that leave fewer siblings shared."""
    most: int = 0
    """Steps that there are."""
    steps: int = 0
    """Steps that are taken."""


class Room(Struct):
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

    def bend(self, target: Target, steps: int) -> list[int] | None:
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

    def copy(self) -> Room:
        """Return a copy that `restore` can go back to."""
        bins, used = [list(b) for b in self.bins], [list(u) for u in self.used]
        return Room(self.above, self.bins_of, bins, used, list(self.left), list(self.lack))

    def restore(self, before: Room) -> None:
        """Go back to a copy."""
        self.bins, self.used, self.left = before.bins, before.used, before.left
        self.lack = before.lack

    def try_step(self, target: Target) -> list[int] | None:
        """Return what would be lacking after one step; nothing changes."""
        if target.steps >= target.most:
            return None
        found = self.bend(target, 1)
        if target.node >= 0:
            self.bend(target, -1)
        return found

    def step(self, target: Target) -> None:
        """Bend for good."""
        found = self.bend(target, 1)
        target.steps += 1
        if found is None:
            return
        self.lack = found
        if target.node >= 0:
            now = self.look(target.node)
            self.left[target.node] = now if now is not None else self.left[target.node]


def mend(room: Room, targets: Sequence[Target]) -> bool:
    """Bend pieces until nothing is lacking; False where that does not help."""
    while (lacking := sum([max(n, 0) for n in room.lack])) > 0:
        tries = [(now, t) for t in targets if (now := room.try_step(t)) is not None]
        best = min(tries, key=lambda one: sum([max(n, 0) for n in one[0]]), default=None)
        if best is None or sum([max(n, 0) for n in best[0]]) >= lacking:
            return False
        room.step(best[1])
    return True


def gain(room: Room, targets: Sequence[Target]) -> None:
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
            if not mend(room, targets):
                room.restore(before[0])
                for one, steps in zip(targets, before[1], strict=True):
                    one.steps = steps
                break
