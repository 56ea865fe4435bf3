"""VMs and their pieces in the terms of bin completion: sums of what they take, as one number."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from kvmc.planner.search.packing import needs_of, size_of
from kvmc.planner.search.supply import PLENTY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.search.packing import Board
    from kvmc.planner.search.pieces import Choice, Piece
    from kvmc.planner.search.supply import Vector

_MOST_BITS = 1 << 17
"""The largest table of sums."""


class Part(NamedTuple):
    """One piece with one choice: what a node may take of a VM."""

    piece: Piece
    choice: Choice
    needs: Vector
    code: int
    """Its place in the table of sums."""


class Slot(Struct, frozen=True):
    """A VM with the pieces that still need a node; a node takes at most one of them."""

    pieces: list[Piece]
    size: float
    likeness: tuple[Vector, ...]
    """The same for VMs that ask for the same."""
    parts: list[Part]
    least: list[int]
    """Steps of each dimension of the table that all its pieces take at the least."""


class Sums(Struct, frozen=True):
    """How sums in up to two dimensions are written as one number."""

    dims: tuple[int, ...]
    units: tuple[int, ...]
    """What one step of a dimension stands for."""
    strides: tuple[int, ...]
    others: tuple[int, ...]
    """Dimensions outside of the table that anything is asked of, checked one by one."""
    limits: dict[tuple[int, ...], int] = {}

    def code(self, needs: Vector) -> int:
        """Return the place of a sum."""
        found = 0
        for d, unit, stride in zip(self.dims, self.units, self.strides, strict=True):
            found += needs[d] // unit * stride
        return found

    def within(self, have: Sequence[int]) -> int:
        """Return the mask of all sums that a node holds."""
        tops = tuple([max(have[d], -1) // u for d, u in zip(self.dims, self.units, strict=True)])
        if tops not in self.limits:
            self.limits[tops] = self._within(tops)
        return self.limits[tops]

    def _within(self, tops: tuple[int, ...]) -> int:
        if tops and min(tops) < 0:
            return 0
        row = (2 << tops[0]) - 1 if tops else 1
        if len(tops) < 2:  # noqa: PLR2004 (rows only)
            return row
        stride = self.strides[1]
        return row * (((1 << stride * (tops[1] + 1)) - 1) // ((1 << stride) - 1))


def sums_of(board: Board, nodes: Sequence[int], pieces: Sequence[Piece]) -> Sums:
    """Choose the two scarcest dimensions, in steps of what all their numbers have in common."""
    width = len(board.weights) if pieces[0].bound else board.supply.cores
    needs = [[needs_of(piece, choice) for choice in piece.lean] for piece in pieces]
    least = [ways[0] if len(ways) == 1 else tuple(map(min, *ways)) for ways in needs]
    wanted = [sum(column) for column in zip(*least, strict=True)]
    left = [board.nodes[n] for n in nodes]
    scarce = []
    for d in range(width):
        total = sum([has[d] for has in left])
        if wanted[d] and total < PLENTY:
            scarce.append((-wanted[d] / max(total, 1), d))
    dims, units, strides, bits = [], [], [], 1
    for _, d in sorted(scarce)[:2]:
        step = gcd(*[way[d] for ways in needs for way in ways])
        most = max([has[d] for has in left]) // step
        if bits * (2 * most + 1) <= _MOST_BITS:
            dims.append(d)
            units.append(step)
            strides.append(bits)
            bits *= 2 * most + 1  # room for one sum too many, so that no row runs into the next
    # What nobody asks for matters only where there is less than nothing of it.
    asked = [max(column) for column in zip(*[way for ways in needs for way in ways], strict=True)]
    there = [min(column) for column in zip(*left, strict=True)]
    others = [d for d in range(width) if d not in dims and (asked[d] or there[d] < 0)]
    return Sums(tuple(dims), tuple(units), tuple(strides), tuple(others), {})


def slot_of(board: Board, table: Sums, pieces: list[Piece]) -> Slot:
    """Return the slot of a VM with some pieces left."""
    if len(pieces) == 1 and len(pieces[0].lean) == 1:
        return _plain(board, table, pieces[0])
    parts: dict[Vector, Part] = {}
    for piece in pieces:
        for choice in piece.lean:
            needs = needs_of(piece, choice)
            if needs not in parts:
                parts[needs] = Part(piece, choice, needs, table.code(needs))
    mine = list(parts.values())
    if len(mine) > 1:
        mine.sort(key=lambda part: [-n for n in part.needs])
    alike = (*sorted([p.lean[0].cores + p.beside for p in pieces]), (0,), *parts)
    size = max([size_of(board, p) for p in pieces])
    least = [
        sum([min([needs_of(p, c)[d] // unit for c in p.lean]) for p in pieces])
        for d, unit in zip(table.dims, table.units, strict=True)
    ]
    return Slot(pieces, size, alike, mine, least)


def _plain(board: Board, table: Sums, piece: Piece) -> Slot:
    """Do the same for one piece that there is one choice for, as most have."""
    needs = needs_of(piece, piece.lean[0])
    parts = [Part(piece, piece.lean[0], needs, table.code(needs))]
    alike = (piece.lean[0].cores + piece.beside, (0,), needs)
    least = [needs[d] // unit for d, unit in zip(table.dims, table.units, strict=True)]
    return Slot([piece], size_of(board, piece), alike, parts, least)
