"""Second pass: nodes are filled one after the other, each as full as can be.

Bin completion: instead of asking where a VM goes it asks which VMs fill a node (S. Martello and P.
Toth, 1990; R. E. Korf, "A new algorithm for optimal bin packing", AAAI 2002). Which sums can be
reached at all is known from a table of subset sums in one integer (R. Bellman, 1957), so every step
leads to a fill that exists; how much a node may stay empty is bounded by the slack of all nodes
together. VMs that are alike are tried once, and of nodes that are alike the first one takes the
largest VM left. A VM with several cells offers each node one of them.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from kvmc.planner.search.packing import Home, may_fit, needs_of, size_of
from kvmc.planner.search.repair import repair
from kvmc.planner.search.supply import PLENTY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.planner.search.packing import Board
    from kvmc.planner.search.pieces import Choice, Piece
    from kvmc.planner.search.supply import Vector

_MOST_BITS = 1 << 17
"""The largest table of sums."""


_ALL = 1 << 30
_MENDING = 0
_MOVES = 300
_PASSES = (
    (1, False, 0.05),
    (1, True, 0.05),
    (_MENDING, True, 0.0),
    (3, True, 0.1),
    (3, False, 0.1),
    (_MENDING, False, 0.0),
    (12, True, 0.3),
    (12, False, 0.3),
    (_ALL, True, 1.0),
)
"""Fills of a node that are followed up, whether VMs of many cells come first, part of the effort.

After the first passes, which solve nearly everything, what is overfull is mended: where VMs have
several cells soon, where they have not later."""


class _Part(NamedTuple):
    """One piece with one choice: what a node may take of a VM."""

    piece: Piece
    choice: Choice
    needs: Vector
    code: int
    """Its place in the table of sums."""


class _Slot(Struct):
    """A VM with the pieces that still need a node; a node takes at most one of them."""

    pieces: list[Piece]
    size: float
    likeness: tuple[Vector, ...]
    """The same for VMs that ask for the same."""
    parts: list[_Part]


class _Table(Struct):
    """How sums in up to two dimensions are written as one number."""

    dims: tuple[int, ...]
    units: tuple[int, ...]
    """What one step of a dimension stands for."""
    strides: tuple[int, ...]
    others: tuple[int, ...]
    """Dimensions outside of the table, checked one by one."""

    def code(self, needs: Vector) -> int:
        """Return the place of a sum."""
        return sum(
            needs[d] // u * s for d, u, s in zip(self.dims, self.units, self.strides, strict=True)
        )


class Effort(Struct):
    """Steps left to take."""

    left: int
    cut: bool = False
    """Whether anything was left untried."""


def complete(board: Board, pieces: Sequence[Piece], effort: Effort) -> bool:
    """Set all pieces down, filling node after node; False where no way was found.

    `effort.cut` stays False where there is none. Nothing of the VMs may be on the board yet.
    """
    nodes = [n for n, node in enumerate(board.problem.nodes) if node is not None]
    if not all(may_fit(board, piece) for piece in pieces):
        return False
    table = _table(board, nodes, pieces)
    by_vm: dict[int, list[Piece]] = {}
    for piece in pieces:
        by_vm.setdefault(piece.vm, []).append(piece)
    if any(len(mine) > len(nodes) for mine in by_vm.values()):
        return False
    nodes.sort(key=lambda n: (sum(board.nodes[n][d] for d in table.dims), board.nodes[n], n))
    for width, cells_first, part in _PASSES:
        if width == _MENDING:
            if cells_first == (len(by_vm) == len(pieces)):
                continue
            effort.left -= repair(board, pieces, min(_MOVES, effort.left // 400))
            if board.homes.keys() >= {(p.vm, p.group) for p in pieces}:
                return True
            continue
        share = Effort(int(effort.left * part))
        before = share.left
        run = _Run(board, table, share, width, cells_first)
        slots = [_slot(board, table, mine) for mine in by_vm.values()]
        found = run.fill(nodes, slots)
        effort.left -= before - max(share.left, 0)
        if found:
            return True
        if share.left > 0 and not run.narrowed:
            return False
    effort.cut = True
    return False


def _slot(board: Board, table: _Table, pieces: list[Piece]) -> _Slot:
    parts: dict[Vector, _Part] = {}
    for piece in pieces:
        for choice in piece.lean:
            needs = needs_of(piece, choice)
            parts.setdefault(needs, _Part(piece, choice, needs, table.code(needs)))
    mine = sorted(parts.values(), key=lambda part: [-n for n in part.needs])
    alike = (*sorted([p.lean[0].cores + p.beside for p in pieces]), (0,), *parts)
    return _Slot(pieces, max(size_of(board, p) for p in pieces), alike, mine)


def _table(board: Board, nodes: Sequence[int], pieces: Sequence[Piece]) -> _Table:
    """Choose the two scarcest dimensions, in steps of what all their numbers have in common."""
    width = len(board.weights) if pieces and pieces[0].bound else board.supply.cores
    needs = [needs_of(piece, choice) for piece in pieces for choice in piece.lean]
    scarce = []
    for d in range(width):
        total = sum(board.nodes[n][d] for n in nodes)
        wanted = sum(min(needs_of(p, c)[d] for c in p.lean) for p in pieces)
        if wanted and total < PLENTY:
            scarce.append((-wanted / max(total, 1), d))
    dims, units, strides, bits = [], [], [], 1
    for _, d in sorted(scarce)[:2]:
        step = gcd(*[one[d] for one in needs])
        most = max(board.nodes[n][d] for n in nodes) // step
        if bits * (2 * most + 1) <= _MOST_BITS:
            dims.append(d)
            units.append(step)
            strides.append(bits)
            bits *= 2 * most + 1  # room for one sum too many, so that no row runs into the next
    others = tuple(d for d in range(width) if d not in dims)
    return _Table(tuple(dims), tuple(units), tuple(strides), others)


class _Run(Struct):
    """One try, with a limit to the fills of a node that are followed up."""

    board: Board
    table: _Table
    effort: Effort
    width: int
    cells_first: bool
    narrowed: bool = False

    def fill(self, nodes: Sequence[int], slots: list[_Slot]) -> bool:
        """Fill the first node in every way that may do, then the rest."""
        slots = [slot for slot in slots if slot.pieces]
        if not slots:
            return True
        if any(len(slot.pieces) > len(nodes) for slot in slots):
            return False
        node = nodes[0]
        for tried, parts in enumerate(self._fills(nodes, slots)):
            if tried == self.width:
                self.narrowed = True
                return False
            for part in parts:
                self.board.put(part.piece, Home(node, -1, part.choice, part.needs))
            taken = {part.piece.vm: part.piece for part in parts}
            rest = [self._without(slot, taken) for slot in slots]
            if self.fill(nodes[1:], rest):
                return True
            for part in parts:
                self.board.lift(part.piece)
            if self.effort.left <= 0:
                return False
        return False

    def _without(self, slot: _Slot, taken: dict[int, Piece]) -> _Slot:
        gone = taken.get(slot.pieces[0].vm)
        if gone is None:
            return slot
        left = [piece for piece in slot.pieces if piece is not gone]
        return _slot(self.board, self.table, left) if left else _Slot([], 0.0, (), [])

    def _fills(self, nodes: Sequence[int], slots: list[_Slot]) -> Iterator[list[_Part]]:
        """Yield the sets of parts for the first node, the fullest first."""
        cells = self.cells_first
        slots = sorted(slots, key=lambda s: (-len(s.pieces) if cells else 0, -s.size, s.likeness))
        have = self.board.nodes[nodes[0]]
        alike = all(self.board.nodes[n] == have for n in nodes)
        forced = {i for i, slot in enumerate(slots) if len(slot.pieces) == len(nodes)}
        if alike:
            forced.add(0)
        reach = self._reach(slots, have, forced)
        for target in self._targets(nodes, slots, have, reach[0]):
            yield from self._exact(slots, have, forced, reach, target)

    def _reach(self, slots: list[_Slot], have: list[int], forced: set[int]) -> list[int]:
        """Return, for each slot, the sums that it and those after it can reach."""
        limit = self._within(have)
        self.effort.left -= len(slots)
        reach = [1]
        for i in range(len(slots) - 1, -1, -1):
            before = reach[-1]
            now = 0 if i in forced else before
            for part in slots[i].parts:
                now |= before << part.code
            reach.append(now & limit)
        reach.reverse()
        return reach

    def _within(self, have: Sequence[int]) -> int:
        """Return the mask of all sums that a node holds."""
        table = self.table
        tops = [max(have[d], -1) // u for d, u in zip(table.dims, table.units, strict=True)]
        if any(top < 0 for top in tops):
            return 0
        row = (2 << tops[0]) - 1 if tops else 1
        if len(tops) < 2:  # noqa: PLR2004 (rows only)
            return row
        stride = table.strides[1]
        return row * (((1 << stride * (tops[1] + 1)) - 1) // ((1 << stride) - 1))

    def _targets(
        self, nodes: Sequence[int], slots: list[_Slot], have: list[int], reach: int
    ) -> Iterator[int]:
        """Yield the sums worth aiming at, those that waste least first."""
        spare = self._spare(nodes, slots)
        table = self.table
        if not table.dims:
            yield 0
            return
        tops = [have[d] // u for d, u in zip(table.dims, table.units, strict=True)]
        lows = [max(top - s, 0) for top, s in zip(tops, spare, strict=True)]
        found = []
        if len(table.dims) == 1:
            found = [(top, 0) for top in range(tops[0], lows[0] - 1, -1) if reach >> top & 1]
        else:
            stride = table.strides[1]
            row_mask = (1 << stride) - 1
            for second in range(tops[1], lows[1] - 1, -1):
                row = reach >> (second * stride) & row_mask & ((2 << tops[0]) - 1)
                row = row >> lows[0] << lows[0]
                while row:
                    top = row.bit_length() - 1
                    found.append((top, second))
                    row ^= 1 << top
                    if self.width < _ALL and len(found) % 4 == 0:
                        self.narrowed = True
                        break
        scale = [1 / max(top, 1) for top in tops] + [0.0]
        full = (*tops, 0)
        found.sort(key=lambda t: sum((full[i] - t[i]) * scale[i] for i in (0, 1)))
        for first, second in found:
            yield first + (second * table.strides[1] if second else 0)

    def _spare(self, nodes: Sequence[int], slots: list[_Slot]) -> list[int]:
        """Return how many steps of each table dimension all nodes together may leave empty."""
        spare = []
        for d, unit in zip(self.table.dims, self.table.units, strict=True):
            have = sum(self.board.nodes[n][d] // unit for n in nodes)
            need = sum(
                min(needs_of(p, c)[d] // unit for c in p.lean)
                for slot in slots
                for p in slot.pieces
            )
            spare.append(have - need)
        return [-1] * len(spare) if any(s < 0 for s in spare) else spare

    def _exact(  # noqa: C901 (a walk without recursion: hundreds of VMs are deep)
        self, slots: list[_Slot], have: list[int], forced: set[int], reach: list[int], target: int
    ) -> Iterator[list[_Part]]:
        """Yield the sets of parts that add up to the target, large slots first."""
        others = self.table.others
        left = [have[d] for d in others]
        chosen: list[tuple[int, int, _Part]] = []
        # A frame is (slot, next option, sum still missing); option -1 is to leave the slot out.
        index, option, missing = 0, 0, target
        while True:
            self.effort.left -= 1
            if self.effort.left <= 0:
                return
            if index == len(slots):
                if missing == 0:
                    yield [part for _, _, part in chosen]
            elif (step := self._take(slots[index], option, missing, reach[index + 1], left)) >= 0:
                part = slots[index].parts[step]
                chosen.append((index, step, part))
                for o, d in enumerate(others):
                    left[o] -= part.needs[d]
                missing -= part.code
                index, option = index + 1, 0
                continue
            elif index not in forced:
                after = index + 1
                while (
                    after < len(slots)
                    and after not in forced
                    and slots[after].likeness == slots[index].likeness
                ):
                    after += 1
                if reach[after] >> missing & 1:
                    index, option = after, 0
                    continue
            if not chosen:
                return
            index, option, part = chosen.pop()
            for o, d in enumerate(others):
                left[o] += part.needs[d]
            missing += part.code
            option += 1

    def _take(self, slot: _Slot, option: int, missing: int, reach: int, left: list[int]) -> int:
        """Return the first option from `option` on that can lead to the target; -1 for none."""
        others = self.table.others
        for number in range(option, len(slot.parts)):
            part = slot.parts[number]
            rest = missing - part.code
            if rest < 0 or not reach >> rest & 1:
                continue
            for have, d in zip(left, others, strict=True):
                if part.needs[d] > have:
                    break
            else:
                return number
        return -1
