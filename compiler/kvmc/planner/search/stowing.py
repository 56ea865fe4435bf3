"""VMs that a rule binds to one node each, and that take what they take: the fullest nodes as seats.

What `filling.py` finds in numbers becomes seats here. Where cores are not all alike the numbers may
promise too much, and there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.planner.search.arrange import seats
from kvmc.planner.search.filling import fullest
from kvmc.planner.search.packing import Home, board_of, needs_of
from kvmc.planner.search.request import Request
from kvmc.planner.search.sums import lacks
from kvmc.planner.search.undominated import Ware, within

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmc.planner.search.filling import Filling
    from kvmc.planner.search.pieces import Order
    from kvmc.planner.search.seating import Table
    from kvmc.planner.search.supply import Vector

_MOST_VMS, _MOST_NODES = 300, 300
"""Nodes are filled by calls within calls, one for each node that holds any of the VMs."""


def is_rigid(orders: Sequence[Order]) -> bool:
    """Whether each VM is one piece on one node and of one size, so that nodes are all there is."""
    return len(orders) <= _MOST_VMS and all(
        len(order.pieces) == 1
        and not order.extra_widths
        and order.sound
        and order.pieces[0].bound
        and not order.pieces[0].cached
        and order.pieces[0].lean == (order.pieces[0].best,)
        for order in orders
    )


def stowed(request: Request, least: int) -> tuple[Table | None, bool]:
    """Return seats for those of some rigid VMs that leave out the fewest vCPUs, and whether proven.

    `least` is how many vCPUs stay out at the least. No seats where the effort is not enough.
    """
    kinds = _kinds(request)
    dims = [d for d in range(len(request.supply.nodes[0])) if any(needs[d] for _, needs in kinds)]
    wares = [
        Ware(vcpus, _part(needs, dims), len(members)) for (vcpus, needs), members in kinds.items()
    ]
    rooms = {
        n: _part(request.supply.nodes[n], dims)
        for n, node in enumerate(request.problem.nodes)
        if node is not None
    }
    nodes = [n for n, room in rooms.items() if any(within(ware.needs, room) for ware in wares)]
    if len(nodes) > _MOST_NODES:
        return None, False
    found = fullest(wares, [rooms[n] for n in nodes], least, request.effort.left)
    if found is None:
        return None, False
    table = _seated(request, nodes, list(kinds.values()), found)
    return table, table is not None and found.proven


def _part(vector: Vector, dims: Iterable[int]) -> Vector:
    return tuple([max(vector[d], 0) for d in dims])


def _kinds(request: Request) -> dict[tuple[int, Vector], list[Order]]:
    """Return (vCPUs, needs) -> the VMs that ask for that, by name."""
    demands = request.problem.demands
    found: dict[tuple[int, Vector], list[Order]] = {}
    for order in sorted(request.orders, key=lambda order: demands[order.vm].vm.name):
        piece = order.pieces[0]
        key = (demands[order.vm].vm.cpu.max, needs_of(piece, piece.lean[0]))
        found.setdefault(key, []).append(order)
    return found


def _seated(
    request: Request, nodes: Sequence[int], kinds: Sequence[list[Order]], found: Filling
) -> Table | None:
    """Return seats for the fills; of VMs that are alike the last by name stay out."""
    waiting = [iter(members) for members in kinds]
    homes = [
        (next(waiting[kind]), nodes[node])
        for node, fill in found.fills
        for kind, count in enumerate(fill)
        for _ in range(count)
    ]
    orders = tuple([order for order, _ in homes])
    if lacks(request.problem, request.supply, orders):
        return None
    pieces = [order.pieces[0] for order in orders]
    board = board_of(request.problem, request.supply, pieces)
    for piece, (_, node) in zip(pieces, homes, strict=True):
        choice = piece.lean[0]
        board.put(piece, Home(node, -1, choice, needs_of(piece, choice)))
    taken = Request(request.problem, request.supply, orders, request.effort)
    return seats(taken, board, pieces, [], lean=True)
