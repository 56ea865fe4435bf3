"""Onto how many cores every piece is cut once it is known which node or cache it gets.

Steps onto more cores (`bends.py`) are taken first where cores of some type are lacking, then
wherever they leave fewer siblings shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from kvmc.planner.search.bends import Room, Target, gain, mend
from kvmc.planner.search.supply import above

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvmc.planner.problem import Problem
    from kvmc.planner.search.bends import Bend
    from kvmc.planner.search.pieces import Choice, Piece
    from kvmc.planner.search.supply import Supply, Vector


class Spot(NamedTuple):
    """Where a piece goes: a node and a bin by their place in the problem, -1 for any."""

    node: int
    bin: int
    choice: Choice


Spots = dict[tuple[int, int], Spot]
"""(VM, group) -> its spot."""


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
        if not mend(room, targets):
            return None
        gain(room, targets)
        return self._dealt(targets)

    def _targets(self) -> list[Target]:
        found: dict[tuple[int, int, Vector], Target] = {}
        for piece in self.pieces:
            bend = self.bends[piece.vm, piece.group]
            if bend is None or self.problem.sharing:
                continue
            spot = self.spots.get((piece.vm, piece.group), Spot(-1, -1, piece.lean[0]))
            if spot.choice != piece.lean[0]:
                continue
            key = (spot.node, spot.bin, bend.change)
            target = found.setdefault(key, Target(*key, []))
            target.pieces.append(piece)
            target.most += bend.steps
            target.gains += min(piece.best.units - piece.lean[0].units, bend.steps)
        # What nothing binds bends first: it takes what is left anywhere.
        return [found[key] for key in sorted(found)]

    def _room(self, used: Sequence[Vector]) -> Room:
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
        return Room(above(self.supply), bins_of, bins, use, [()] * len(used), [])

    def _dealt(self, targets: Sequence[Target]) -> Spots:
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


def _rung(piece: Piece, units: int) -> Choice:
    every = (*piece.ladder, *piece.lean)
    return next((one for one in every if one.units == units), piece.lean[0])
