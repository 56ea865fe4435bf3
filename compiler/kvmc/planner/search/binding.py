"""Nodes and caches for what a rule binds: packed where that does, else filled one after the other.

Where a rule asks for caches too they are looked at from either side: nodes first, then the caches
of each, or caches first, with the nodes checked after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.planner.search.completion import complete
from kvmc.planner.search.fills import Effort
from kvmc.planner.search.packing import Board, Home, clear, needs_of, pack, size_of
from kvmc.planner.search.pieces import Piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.search.request import Request


def bind(request: Request, board: Board, bound: Sequence[Piece]) -> bool:
    """Set down what a rule binds."""
    first = [p for p in bound if p.cached]
    rest = [p for p in bound if not p.cached]
    if not pack(board, [*first, *rest]):
        return True
    clear(board, bound)
    several = len({p.vm for p in bound}) < len(bound)
    # Cells may be near each other, or not; a VM of one piece is near nothing.
    if several and not pack(board, [*first, *rest], near=False):
        return True
    clear(board, bound)
    return _fill(request, board, first, rest)


def _fill(request: Request, board: Board, first: Sequence[Piece], rest: Sequence[Piece]) -> bool:
    """Fill nodes, one after the other; where a rule asks for caches too, from either side."""
    if not first:
        return complete(board, rest, request.effort)
    if _nodes_then_caches(request, board, first, rest):
        return True
    if fill_caches(request, board, first) and complete(board, rest, request.effort):
        if _cells_apart(board, [*first, *rest]):
            return True
        clear(board, [*first, *rest])
    request.effort.cut = True
    return False


def _cells_apart(board: Board, pieces: Sequence[Piece]) -> bool:
    """Whether no two cells of a VM that rules bind are on one node."""
    homes = [(p.vm, board.homes[p.vm, p.group].node) for p in pieces if p.bound]
    return len(set(homes)) == len(homes)


def _nodes_then_caches(
    request: Request, board: Board, first: Sequence[Piece], rest: Sequence[Piece]
) -> bool:
    """Give everything a node, then what needs a cache one of that node's."""
    nothing = (0,) * (len(board.weights) - request.supply.cores)
    held = [
        p if p.bound else Piece(p.vm, p.group, True, False, p.lean, p.best, nothing) for p in first
    ]
    if not complete(board, [*held, *rest], Effort(request.effort.left // 4)):
        return False
    nodes: dict[int, list[Piece]] = {}
    for piece in first:
        nodes.setdefault(board.homes[piece.vm, piece.group].node, []).append(piece)
    clear(board, first)
    for node, pieces in nodes.items():
        ordered = sorted(pieces, key=lambda p: (-size_of(board, p), p.vm, p.group))
        if not fill_caches(request, board, ordered, only=node):
            clear(board, [*first, *rest])
            return False
    return True


def fill_caches(
    request: Request, board: Board, pieces: Sequence[Piece], only: int | None = None
) -> bool:
    """Set down pieces that a rule keeps within a cache: cache after cache, nodes checked after.

    `only` is the one node whose caches are used.
    """
    if only is None and not pack(board, pieces, near=False):
        return True
    clear(board, pieces)
    allowed = board.problem.nodes if only is None else (board.problem.nodes[only],)
    bins = request.problem.bins
    plain = [Piece(p.vm, p.group, False, True, p.lean, p.best, ()) for p in pieces]
    caches = Board(
        problem=replace(request.problem, nodes=tuple(range(len(bins)))),
        supply=request.supply,
        nodes=[
            list(has) if where.l3 is not None and where.node in allowed else [0] * len(has)
            for where, has in zip(bins, request.supply.bins, strict=True)
        ],
        bins=[],
        bins_of=[],
        weights=board.weights[: request.supply.cores],
    )
    if not complete(caches, plain, request.effort):
        return False
    place = {node: n for n, node in enumerate(request.problem.nodes)}
    for piece in pieces:
        home = caches.homes[piece.vm, piece.group]
        node = place[bins[home.node].node]
        needs = needs_of(piece, home.choice)
        again = node in board.used.get(piece.vm, ())
        if (again and piece.bound) or any(
            need > have for need, have in zip(needs, board.nodes[node], strict=False)
        ):
            clear(board, pieces)
            return False
        board.put(piece, Home(node, home.node, home.choice, needs))
    return True
