"""One try at a set of VMs: pack, complete, seat, spread, grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.planner.search.binding import bind
from kvmc.planner.search.completion import complete
from kvmc.planner.search.fills import Effort
from kvmc.planner.search.growth import grow
from kvmc.planner.search.packing import board_of, clear, may_fit, pack, size_of
from kvmc.planner.search.pieces import Piece
from kvmc.planner.search.seating import seat, table_of
from kvmc.planner.search.spreading import spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kvmc.planner.problem import Problem
    from kvmc.planner.search.packing import Board
    from kvmc.planner.search.request import Request
    from kvmc.planner.search.seating import Table

_GATHERING = 4_000
"""Steps for keeping VMs together that no rule binds."""


def arrange(request: Request, sizing: Callable[[Piece], Piece], *, lean: bool) -> Table | None:
    """Return seats for all VMs, or None where none were found.

    `request.effort.cut` is False afterwards where there are none for sure.
    """
    if request.effort.left <= 0:
        request.effort.cut = True
        return None
    pieces = [sizing(piece) for piece in request.pieces]
    board = board_of(request.problem, request.supply, pieces)
    ranked = sorted(pieces, key=lambda p: (-size_of(board, p), p.vm, p.group))
    bound = [p for p in ranked if p.bound or p.cached]
    loose = [p for p in ranked if not (p.bound or p.cached)]
    if not bind(request, board, bound):
        return None
    left = pack(board, loose)
    if left:
        board, left = _gather(request, board, bound, loose, left)
    table = seats(request, board, [*bound, *loose], left, lean=lean)
    if table is None and loose:
        # Once more with those first that cannot bend.
        clear(board, loose)
        demands = request.problem.demands
        loose.sort(key=lambda p: demands[p.vm].prefers and p.group >= 0)
        table = seats(request, board, [*bound, *loose], pack(board, loose), lean=lean)
    if table is None:
        request.effort.cut = True
    return table


def _gather(
    request: Request,
    board: Board,
    bound: Sequence[Piece],
    loose: Sequence[Piece],
    left: list[Piece],
) -> tuple[Board, list[Piece]]:
    """Try once more to keep every piece on one node; return those that must be spread."""
    cached = any(p.cached for p in bound)
    if cached or request.effort.left <= 0:
        return board, left
    nothing = (0,) * (len(board.weights) - request.supply.cores)
    empty = board_of(request.problem, request.supply, [])
    # What is too large for any node is spread in any case; else the largest of those left over.
    spread_out = {id(p) for p in left if not may_fit(empty, p)}
    rest = [p for p in left if id(p) not in spread_out]
    for more in ((), rest[:1], rest[:2]):
        alone = spread_out | {id(p) for p in more}
        whole = [
            Piece(p.vm, p.group, True, False, p.lean, p.best, nothing)
            for p in loose
            if id(p) not in alone
        ]
        trial = board_of(request.problem, request.supply, [*bound, *whole])
        effort = Effort(min(request.effort.left, _GATHERING))
        if complete(trial, [*bound, *whole], effort):
            return trial, [p for p in loose if id(p) in alone]
    return board, left


def seats(
    request: Request, board: Board, pieces: Sequence[Piece], left: Sequence[Piece], *, lean: bool
) -> Table | None:
    """Turn homes into cores, spread what has none, and give away what nobody needs."""
    extra = {order.vm: order.extra_widths for order in request.orders if order.extra_widths}
    table = table_of(request.problem, extra, join_first=lean)
    alone = {(p.vm, p.group) for p in left}
    for piece in _by_strictness(request.problem, pieces):
        if (piece.vm, piece.group) in alone:
            continue
        home = board.homes[piece.vm, piece.group]
        if not seat(table, piece, home) and (
            piece.bound or piece.cached or not spread(table, piece)
        ):
            return None
    for piece in left:
        if not spread(table, piece):
            return None
    if lean:
        grow(table)
    return table


def _by_strictness(problem: Problem, pieces: Sequence[Piece]) -> list[Piece]:
    """Order of seats: caches by rule, then whole cores, then what bends, large ones first."""
    return sorted(
        pieces,
        key=lambda p: (not p.cached, problem.demands[p.vm].prefers, -p.best.units, p.vm, p.group),
    )
