"""One try at a set of VMs: pack, complete, seat, spread, grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.planner.search.completion import complete
from kvmc.planner.search.fills import Effort
from kvmc.planner.search.growth import grow
from kvmc.planner.search.packing import Board, Home, board_of, may_fit, needs_of, pack, size_of
from kvmc.planner.search.pieces import Choice, Order, Piece
from kvmc.planner.search.seating import Table, seat, spread, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kvmc.planner.problem import Problem
    from kvmc.planner.search.supply import Supply


_GATHERING = 4_000
"""Steps for keeping VMs together that no rule binds."""


class Request(Struct, frozen=True):
    """The VMs to be placed together, and how large each is taken to be."""

    problem: Problem
    supply: Supply
    orders: tuple[Order, ...]
    effort: Effort

    @property
    def pieces(self) -> list[Piece]:
        """All pieces of all VMs, isolated threads as one more piece of their VM."""
        found: list[Piece] = []
        for order in self.orders:
            found += order.pieces
            if order.extra_widths:
                found.append(_extra_piece(order))
        return found


def _extra_piece(order: Order) -> Piece:
    count = sum([n for _, n in order.extra_widths])
    choice = Choice(order.extra, 0, 0, count)
    return Piece(order.vm, -1, False, False, (choice,), choice, ())


def at_least(piece: Piece) -> Piece:
    """Take a piece at its leanest."""
    return piece


def at_best(piece: Piece) -> Piece:
    """Take a piece with nothing shared."""
    if piece.lean == (piece.best,) or not piece.lean:
        return piece
    return Piece(
        piece.vm, piece.group, piece.bound, piece.cached, (piece.best,), piece.best, piece.beside
    )


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
    if not _bind(request, board, bound):
        return None
    left = pack(board, loose)
    if left:
        board, left = _gather(request, board, bound, loose, left)
    table = seats(request, board, [*bound, *loose], left, lean=lean)
    if table is None and loose:
        # Once more with those first that cannot bend.
        _clear(board, loose)
        demands = request.problem.demands
        loose.sort(key=lambda p: demands[p.vm].prefers and p.group >= 0)
        table = seats(request, board, [*bound, *loose], pack(board, loose), lean=lean)
    if table is None:
        request.effort.cut = True
    return table


def _bind(request: Request, board: Board, bound: Sequence[Piece]) -> bool:
    """Set down what a rule binds."""
    first = [p for p in bound if p.cached]
    rest = [p for p in bound if not p.cached]
    if not pack(board, [*first, *rest]):
        return True
    _clear(board, bound)
    several = len({p.vm for p in bound}) < len(bound)
    # Cells may be near each other, or not; a VM of one piece is near nothing.
    if several and not pack(board, [*first, *rest], near=False):
        return True
    _clear(board, bound)
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
        _clear(board, [*first, *rest])
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
    _clear(board, first)
    for node, pieces in nodes.items():
        ordered = sorted(pieces, key=lambda p: (-size_of(board, p), p.vm, p.group))
        if not fill_caches(request, board, ordered, only=node):
            _clear(board, [*first, *rest])
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
    _clear(board, pieces)
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
            _clear(board, pieces)
            return False
        board.put(piece, Home(node, home.node, home.choice, needs))
    return True


def _clear(board: Board, pieces: Sequence[Piece]) -> None:
    for piece in pieces:
        if (piece.vm, piece.group) in board.homes:
            board.lift(piece)


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
