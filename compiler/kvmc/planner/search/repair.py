"""Where filling nodes one by one paints itself into a corner: put all down, then mend.

Every piece gets a node at first, the emptiest that its VM is not on; nodes may overflow. Then
pieces of the fullest node are moved, or exchanged with others, whichever lessens the overflow most,
and what was just moved rests for a while (F. Glover, "Tabu search", 1989). It finds, and proves
nothing. Fleets that fill a host to the last core are what it is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.planner.search.packing import Home, needs_of, size_of
from kvmc.planner.search.supply import PLENTY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.planner.search.packing import Board
    from kvmc.planner.search.pieces import Piece
    from kvmc.planner.search.supply import Vector

_REST = 7
_STEPS_A_MOVE = 300
"""What a look at all moves counts, in steps of the completion."""

Move = tuple[int, int, int]
"""(piece, node, piece that comes back or -1)."""


class _Mess(Struct):
    """Pieces on nodes that may overflow."""

    needs: list[Vector]
    vms: list[int]
    left: dict[int, list[int]]
    """Node -> what is left of each dimension; negative where it overflows."""
    weights: list[float]
    at: list[int]
    on: dict[int, list[int]]
    """Node -> its pieces."""
    rests: dict[int, int] = {}

    def overflow(self, node: int, change: Vector | None = None) -> float:
        """Return how far a node is overfull, with something more (or less) on it."""
        left = self.left[node]
        if change is not None:
            left = [have - more for have, more in zip(left, change, strict=True)]
        return sum([-have * w for have, w in zip(left, self.weights, strict=True) if have < 0])

    def put(self, piece: int, node: int) -> None:
        """Move a piece."""
        old = self.at[piece]
        if old >= 0:
            self.on[old].remove(piece)
            self.left[old] = [h + n for h, n in zip(self.left[old], self.needs[piece], strict=True)]
        self.at[piece] = node
        self.on[node].append(piece)
        self.left[node] = [h - n for h, n in zip(self.left[node], self.needs[piece], strict=True)]

    def has(self, node: int, vm: int) -> bool:
        """Whether a VM is on a node."""
        return any(self.vms[p] == vm for p in self.on[node])


def repair(board: Board, pieces: Sequence[Piece], moves: int) -> int:
    """Set all pieces down on the board if so many moves are enough; return the steps this took.

    Nothing is set down where they are not. Only the leanest cut of each piece is considered.
    """
    mess = _mess(board, pieces)
    if mess is None:
        return 0
    done = 0
    while done < moves:
        worst = max(mess.left, key=lambda n: (mess.overflow(n), -n))
        if mess.overflow(worst) <= 0:
            for number, piece in enumerate(pieces):
                home = Home(mess.at[number], -1, piece.lean[0], mess.needs[number])
                board.put(piece, home)
            break
        move = min(_moves(mess, worst, done), default=None)
        done += 1
        if move is None:
            mess.rests.clear()
            continue
        _, (piece_number, node, back) = move
        mess.put(piece_number, node)
        mess.rests[piece_number] = done + _REST
        if back >= 0:
            mess.put(back, worst)
            mess.rests[back] = done + _REST
    return done * _STEPS_A_MOVE


def _mess(board: Board, pieces: Sequence[Piece]) -> _Mess | None:
    """Return all pieces set down, large ones first, each on the emptiest node it may be on."""
    width = len(board.weights) if pieces and pieces[0].bound else board.supply.cores
    nodes = [n for n, node in enumerate(board.problem.nodes) if node is not None]
    needs = [needs_of(piece, piece.lean[0]) for piece in pieces]
    lefts = [board.nodes[n] for n in nodes]
    # A node of unknown memory is never overfull, and says nothing of the others.
    caps = [max([h[d] for h in lefts if h[d] < PLENTY // 2], default=PLENTY) for d in range(width)]
    mess = _Mess(
        needs=needs,
        vms=[piece.vm for piece in pieces],
        left={n: list(board.nodes[n][:width]) for n in nodes},
        weights=[1 / cap if cap > 0 else 1.0 for cap in caps],
        at=[-1] * len(pieces),
        on={n: [] for n in nodes},
    )
    order = sorted(range(len(pieces)), key=lambda p: (-size_of(board, pieces[p]), p))
    for number in order:
        free = [n for n in nodes if not mess.has(n, mess.vms[number])]
        if not free:
            return None
        slack = {
            n: sum(h * w for h, w in zip(mess.left[n], mess.weights, strict=True)) for n in free
        }
        mess.put(number, max(free, key=lambda n: (slack[n], -n)))
    return mess


def _moves(mess: _Mess, worst: int, now: int) -> Iterator[tuple[float, Move]]:
    """Yield moves and exchanges of the fullest node's pieces, with what they change."""
    base = {n: mess.overflow(n) for n in mess.left}
    for piece in mess.on[worst]:
        if mess.rests.get(piece, 0) > now:
            continue
        vm, need = mess.vms[piece], mess.needs[piece]
        gone = tuple([-n for n in need])
        alone = mess.overflow(worst, gone) - base[worst]
        for node in mess.left:
            if node == worst:
                continue
            if not mess.has(node, vm):
                yield alone + mess.overflow(node, need) - base[node], (piece, node, -1)
            for back in mess.on[node]:
                other = mess.vms[back]
                if (
                    mess.rests.get(back, 0) > now
                    or mess.needs[back] == need
                    or (other != vm and (mess.has(node, vm) or mess.has(worst, other)))
                ):
                    continue
                change = tuple([a - b for a, b in zip(need, mess.needs[back], strict=True)])
                less = tuple([-c for c in change])
                gain = mess.overflow(worst, less) - base[worst]
                yield gain + mess.overflow(node, change) - base[node], (piece, node, back)
