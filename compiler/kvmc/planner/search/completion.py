"""Second pass: nodes are filled one after the other, each as full as can be.

Bin completion: instead of asking where a VM goes it asks which VMs fill a node (S. Martello and P.
Toth, 1990; R. E. Korf, "A new algorithm for optimal bin packing", AAAI 2002). Which sums can be
reached at all is known from a table of subset sums in one integer (R. Bellman, 1957), so every step
leads to a fill that exists; how much a node may stay empty is bounded by the slack of all nodes
together. VMs that are alike are tried once, and of nodes that are alike the first one takes the
largest VM left. A VM with several cells offers each node one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from kvmc.planner.search.fills import EVERY, Effort, Fills
from kvmc.planner.search.packing import Home, may_fit
from kvmc.planner.search.repair import repair
from kvmc.planner.search.slots import slot_of, sums_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.planner.search.packing import Board
    from kvmc.planner.search.pieces import Piece
    from kvmc.planner.search.slots import Part, Slot

_MOVES = 300


class _Fill(NamedTuple):
    """Fill node after node."""

    width: int
    """Fills of a node that are followed up."""
    cells_first: bool
    """Whether VMs of many cells come first."""
    share: float
    """The part of the effort that it may take."""


class _Mend(NamedTuple):
    """Set all down and mend what is overfull."""

    several: bool
    """Whether it is for fleets with VMs of several cells, or for the others."""


_PASSES = (
    _Fill(1, cells_first=False, share=0.05),
    _Fill(1, cells_first=True, share=0.05),
    _Mend(several=True),
    _Fill(3, cells_first=True, share=0.1),
    _Fill(3, cells_first=False, share=0.1),
    _Mend(several=False),
    _Fill(12, cells_first=True, share=0.3),
    _Fill(12, cells_first=False, share=0.3),
    _Fill(EVERY, cells_first=True, share=1.0),
)
"""What is tried, in this order; the first passes solve nearly everything."""


def complete(board: Board, pieces: Sequence[Piece], effort: Effort) -> bool:
    """Set all pieces down, filling node after node; False where no way was found.

    `effort.cut` stays False where there is none. Nothing of the VMs may be on the board yet.
    """
    nodes = [n for n, node in enumerate(board.problem.nodes) if node is not None]
    if not pieces:
        return True
    by_vm: dict[int, list[Piece]] = {}
    for piece in pieces:
        by_vm.setdefault(piece.vm, []).append(piece)
    several = len(by_vm) < len(pieces)
    most = max(map(len, by_vm.values()))
    if most > len(nodes) or not all(may_fit(board, piece) for piece in pieces):
        return False
    table = sums_of(board, nodes, pieces)
    nodes.sort(key=lambda n: (sum([board.nodes[n][d] for d in table.dims]), board.nodes[n], n))
    slots = [slot_of(board, table, mine) for mine in by_vm.values()]
    if not several:
        slots.sort(key=_largest_first)
    for one in _PASSES:
        if isinstance(one, _Mend):
            if one.several == several and _mended(board, pieces, effort):
                return True
            continue
        share = Effort(int(effort.left * one.share))
        before = share.left
        run = _Run(board, Fills(table, share, one.width), several, one.cells_first)
        found = run.fill(nodes, slots)
        effort.left -= before - max(share.left, 0)
        if found:
            return True
        if share.left > 0 and not run.fills.narrowed:
            return False
    effort.cut = True
    return False


def _mended(board: Board, pieces: Sequence[Piece], effort: Effort) -> bool:
    """Set all pieces down by moves and exchanges; False where something stays overfull."""
    effort.left -= repair(board, pieces, min(_MOVES, effort.left // 400))
    return board.homes.keys() >= {(p.vm, p.group) for p in pieces}


def _largest_first(slot: Slot) -> tuple[float, object]:
    return -slot.size, slot.likeness


class _Level(Struct):
    """A node, in the middle of its fills."""

    fills: Iterator[list[Part]]
    slots: list[Slot]
    """The VMs that it and the nodes after it have to take."""
    tried: int = 0
    placed: list[Part] | None = None
    """What is on it."""


class _Run(Struct):
    """One try, with a limit to the fills of a node that are followed up."""

    board: Board
    fills: Fills
    several: bool
    """Whether any VM has several pieces."""
    cells_first: bool

    def fill(self, nodes: Sequence[int], slots: list[Slot]) -> bool:
        """Fill the first node in every way that may do, then the rest; False where none did."""
        levels: list[_Level] = []
        # A walk without recursion: hundreds of caches are deep.
        while slots:
            rest = nodes[len(levels) :]
            if rest and not (self.several and max([len(s.pieces) for s in slots]) > len(rest)):
                levels.append(_Level(self._of(rest, slots), slots))
            while levels and not self._advance(levels[-1], nodes[len(levels) - 1]):
                levels.pop()
            if not levels:
                return False
            slots = self._rest(levels[-1])
        return True

    def _of(self, nodes: Sequence[int], slots: list[Slot]) -> Iterator[list[Part]]:
        """Return the fills of the first node, where asked those with VMs of many cells first."""
        if self.several:
            many = self.cells_first
            slots = sorted(slots, key=lambda s: (-len(s.pieces) if many else 0, *_largest_first(s)))
        return self.fills.of([self.board.nodes[n] for n in nodes], slots)

    def _advance(self, level: _Level, node: int) -> bool:
        """Put the next fill on a node; False where there is none, or no effort left."""
        if level.placed is not None:
            for part in level.placed:
                self.board.lift(part.piece)
            level.placed = None
            if self.fills.effort.left <= 0:
                return False
        parts = next(level.fills, None)
        if parts is None:
            return False
        if level.tried == self.fills.width:
            self.fills.narrowed = True
            return False
        level.tried += 1
        level.placed = parts
        for part in parts:
            self.board.put(part.piece, Home(node, -1, part.choice, part.needs))
        return True

    def _rest(self, level: _Level) -> list[Slot]:
        """Return the slots without what is on a node now."""
        taken = {part.piece.vm: part.piece for part in level.placed or ()}
        if not self.several:
            return [slot for slot in level.slots if slot.pieces[0].vm not in taken]
        found = []
        for slot in level.slots:
            gone = taken.get(slot.pieces[0].vm)
            left = [piece for piece in slot.pieces if piece is not gone]
            if gone is None:
                found.append(slot)
            elif left:
                found.append(slot_of(self.board, self.fills.table, left))
        return found
