"""First pass: every piece to the node where it leaves the least, largest first.

Best-fit decreasing for vectors (D. S. Johnson, "Near-optimal bin packing algorithms", 1973; R.
Panigrahy et al., "Heuristics for vector bin packing", 2011: sizes are weighted by how scarce a
dimension is). Easy fleets are done here; where a piece that a rule binds finds no node, the bin
completion takes over.
"""

from __future__ import annotations

from itertools import zip_longest
from operator import mul
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from kvmc.planner.search.supply import PLENTY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.problem import Problem
    from kvmc.planner.search.pieces import Choice, Piece
    from kvmc.planner.search.supply import Supply, Vector


class Home(NamedTuple):
    """Where a piece goes: a node by its place in Problem.nodes, a bin where a rule asks for one."""

    node: int
    bin: int
    choice: Choice
    needs: Vector
    """What it takes of the node: by rule where bound, else by wish as far as it fits."""


class Board(Struct):
    """What is left while pieces are set down."""

    problem: Problem
    supply: Supply
    nodes: list[list[int]]
    bins: list[list[int]]
    bins_of: list[list[int]]
    """Node -> its bins that are part of a level 3 cache."""
    weights: list[float]
    """How much one unit of each dimension counts."""
    homes: dict[tuple[int, int], Home] = {}
    used: dict[int, list[int]] = {}
    """VM -> nodes that its bound pieces are on."""
    slacks: dict[int, float] = {}
    """Node -> all that is left of it, weighted; absent where that is to be worked out anew."""

    def slack(self, node: int) -> float:
        """Return how much is left of a node, all dimensions together."""
        found = self.slacks.get(node)
        if found is None:
            found = self.slacks[node] = sum(map(mul, self.nodes[node], self.weights))
        return found

    def put(self, piece: Piece, home: Home) -> None:
        """Set a piece down."""
        self.slacks.pop(home.node, None)
        left = self.nodes[home.node]
        for d, need in enumerate(home.needs):
            left[d] -= need
        if home.bin >= 0:
            left = self.bins[home.bin]
            for d, need in enumerate(home.choice.cores):
                left[d] -= need
        self.homes[piece.vm, piece.group] = home
        self.used.setdefault(piece.vm, []).append(home.node)

    def lift(self, piece: Piece) -> None:
        """Take a piece up again."""
        home = self.homes.pop((piece.vm, piece.group))
        self.slacks.pop(home.node, None)
        left = self.nodes[home.node]
        for d, need in enumerate(home.needs):
            left[d] += need
        if home.bin >= 0:
            left = self.bins[home.bin]
            for d, need in enumerate(home.choice.cores):
                left[d] += need
        self.used[piece.vm].remove(home.node)


def board_of(problem: Problem, supply: Supply, pieces: Sequence[Piece]) -> Board:
    """Return the empty board, with dimensions weighted by how scarce they are."""
    bins_of: dict[int | None, list[int]] = {node: [] for node in problem.nodes}
    for b, where in enumerate(problem.bins):
        if where.l3 is not None:
            bins_of[where.node].append(b)
    totals = [sum(column) for column in zip(*supply.nodes, strict=True)]
    needs = [needs_of(piece, piece.lean[0]) for piece in pieces if piece.lean]
    wanted = [sum(column) for column in zip_longest(totals, *needs, fillvalue=0)]
    weights = [
        ((both - total) / total) / total if 0 < total < PLENTY else 0.0
        for both, total in zip(wanted, totals, strict=True)
    ]
    return Board(
        problem=problem,
        supply=supply,
        nodes=[list(one) for one in supply.nodes],
        bins=[list(one) for one in supply.bins],
        bins_of=list(bins_of.values()),
        weights=weights,
    )


def needs_of(piece: Piece, choice: Choice) -> Vector:
    """Return what a piece takes of a node by rule."""
    return choice.cores + piece.beside if piece.bound else choice.cores


def may_fit(board: Board, piece: Piece) -> bool:
    """Whether some node holds the piece as the board is."""
    for choice in piece.lean:
        needs = needs_of(piece, choice)
        for node, left in zip(board.problem.nodes, board.nodes, strict=True):
            if node is not None and _holds(left, needs):
                return True
    return False


def _holds(left: Sequence[int], needs: Vector) -> bool:
    for have, need in zip(left, needs, strict=False):  # noqa: SIM110 (a third of the time)
        if need > have:
            return False
    return True


def size_of(board: Board, piece: Piece) -> float:
    """Return how large a piece is at its leanest, all dimensions together."""
    if not piece.lean:
        return 0.0
    found: float = sum(map(mul, needs_of(piece, piece.lean[0]), board.weights))
    return found


def find(board: Board, piece: Piece, *, near: bool) -> Home | None:
    """Return the tightest node for a piece, near the VM's other nodes first where asked."""
    used = board.used.get(piece.vm, ())
    nodes = board.problem.nodes
    if piece.bound and not used and not piece.cached:
        return _tightest(board, piece)
    for choice in piece.lean:
        needs = needs_of(piece, choice)
        wish = needs if piece.bound else choice.cores + piece.beside[:-1]
        best: Home | None = None
        least: tuple[float, ...] = ()
        for node, left in enumerate(board.nodes):
            for have, need in zip(left, needs, strict=False):
                if need > have:
                    break
            else:
                again = node in used
                if piece.bound and (again or nodes[node] is None):
                    continue
                lacks = not piece.bound and any(w > h for w, h in zip(wish, left, strict=False))
                far = _far(board, node, used) if near and used else 0
                rank = (again, lacks, far, board.slack(node))
                if best is not None and least <= rank:
                    continue
                where = _cache(board, node, choice) if piece.cached else -1
                if where is not None:
                    least, best = rank, Home(node, where, choice, needs if lacks else wish)
        if best is not None:
            return best
    return None


def _tightest(board: Board, piece: Piece) -> Home | None:
    """Do the same for a VM's first piece, bound to a node of which any cache will do."""
    for choice in piece.lean:
        needs = needs_of(piece, choice)
        found, least = -1, 0.0
        for node, left in enumerate(board.nodes):
            if left[0] < needs[0] or not _holds(left, needs):
                continue
            slack = board.slacks.get(node)
            if slack is None:
                slack = board.slack(node)
            if (found < 0 or slack < least) and board.problem.nodes[node] is not None:
                found, least = node, slack
        if found >= 0:
            return Home(found, -1, choice, needs)
    return None


def _far(board: Board, node: int, used: Sequence[int]) -> int:
    nodes, far = board.problem.nodes, board.problem.distances
    here = nodes[node]
    return sum(
        far.get((there, here), 0)
        for other in used
        if here is not None and (there := nodes[other]) is not None
    )


def _cache(board: Board, node: int, choice: Choice) -> int | None:
    """Return the tightest level 3 cache of a node for a choice; -1 for one without cores."""
    if not choice.units:
        return -1
    fitting = [
        b
        for b in board.bins_of[node]
        if all(n <= h for n, h in zip(choice.cores, board.bins[b], strict=True))
    ]
    return min(fitting, key=lambda b: (sum(board.bins[b]), b), default=None)


def pack(board: Board, pieces: Sequence[Piece], *, near: bool = True) -> list[Piece]:
    """Set pieces down in the order given; return those that found no node."""
    failed = []
    for piece in pieces:
        home = find(board, piece, near=near)
        if home is None:
            failed.append(piece)
        else:
            board.put(piece, home)
    return failed


def clear(board: Board, pieces: Sequence[Piece]) -> None:
    """Take up again those of some pieces that are down."""
    for piece in pieces:
        if (piece.vm, piece.group) in board.homes:
            board.lift(piece)
