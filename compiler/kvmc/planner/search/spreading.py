"""What fits no node alone is spread over few nodes that are near each other."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from kvmc.planner.search.seating import seat_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.planner.problem import Problem
    from kvmc.planner.search.pieces import Piece
    from kvmc.planner.search.seating import Table


def spread(table: Table, piece: Piece) -> bool:
    """Seat a piece that fits no node alone on few nodes near each other."""
    for choice in piece.lean:
        for nodes in _near(table, piece):
            bins = [b for n in nodes for b in table.bins_of[n]]
            node = nodes[0] if len(nodes) == 1 else -1
            if seat_in(table, piece, bins, node, choice):
                return True
    return False


def _near(table: Table, piece: Piece) -> Iterator[tuple[int, ...]]:
    """Yield sets of nodes: one, then pairs by distance, then more and more of the fullest."""
    problem = table.problem
    view = problem.view[piece.vm]
    joins = problem.sharing and problem.demands[piece.vm].prefers and piece.group >= 0
    room = [
        (sum([table.stock.free(b, view, 1, joins=joins) for b in bins]), n)
        for n, bins in enumerate(table.bins_of)
    ]
    open_nodes = [(r, n) for r, n in room if r]
    yield from ((n,) for _, n in sorted(open_nodes))
    need = min((c.units for c in piece.lean), default=0) if not joins else 0
    pairs = [
        (_distance(problem, a, b), r + s, (a, b))
        for (r, a), (s, b) in combinations(open_nodes, 2)
        if r + s >= need
    ]
    yield from (pair for _, _, pair in sorted(pairs))
    order = [n for _, n in sorted(open_nodes, key=lambda rn: (-rn[0], rn[1]))]
    for size in range(3, len(order) + 1):
        yield tuple(order[:size])


def _distance(problem: Problem, a: int, b: int) -> int:
    one, two = problem.nodes[a], problem.nodes[b]
    if one is None or two is None:
        return 0
    return problem.distances.get((one, two), 0)
