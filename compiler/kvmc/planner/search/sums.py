"""What counting alone shows: that VMs do not all fit, and what they share at the least."""

from __future__ import annotations

from operator import add
from typing import TYPE_CHECKING

from kvmc.planner.problem import FRESH
from kvmc.planner.search.pieces import Order, orders_of
from kvmc.planner.search.supply import supply_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.problem import Problem
    from kvmc.planner.search.supply import Supply


def surely_too_many(problem: Problem) -> bool:
    """Whether plain sums prove that not all VMs fit."""
    supply = supply_of(problem)
    orders = orders_of(problem, supply)
    return all(order.sound for order in orders) and lacks(problem, supply, orders)


def lacks(problem: Problem, supply: Supply, orders: Sequence[Order]) -> bool:
    """Whether plain sums show that the VMs do not all fit."""
    return max(overflow(problem, supply, orders), default=0) > 0


def too_many_for_caches(problem: Problem, supply: Supply, orders: Sequence[Order]) -> bool:
    """Whether the caches cannot hold all that a rule keeps within one, whatever goes where.

    Of things of a size or larger a cache holds its cores divided by the size, rounded down (S.
    Martello and P. Toth, "Lower bounds and reduction procedures for the bin packing problem",
    1990).
    """
    cached = [piece for order in orders for piece in order.pieces if piece.cached]
    if not cached or problem.wide:
        return False
    for u in range(supply.cores):
        rooms = [
            has[u] for has, w in zip(supply.bins, problem.bins, strict=True) if w.l3 is not None
        ]
        sizes = sorted([min([choice.cores[u] for choice in p.lean]) for p in cached], reverse=True)
        for count, size in enumerate(sizes, 1):
            if size and count > sum([room // size for room in rooms]):
                return True
    return False


def overflow(problem: Problem, supply: Supply, orders: Sequence[Order]) -> tuple[int, ...]:
    """Return, for each sum over the host, how much the VMs ask beyond what there is.

    The sums: cores of each union, memory that rules bind, pages of each size, floating vCPUs.
    """
    if not orders:
        return ()
    have = host_totals(problem, supply)
    asked = [asks(supply, order) for order in orders]
    return tuple(
        [sum(column) - total for column, total in zip(zip(*asked, strict=True), have, strict=True)]
    )


def host_totals(problem: Problem, supply: Supply) -> tuple[int, ...]:
    """Return what the whole host has of each sum."""
    columns = list(zip(*supply.nodes, strict=True))
    cores = [sum(column) for column in columns[: supply.cores]]
    memory = sum(columns[supply.cores])
    pages = [problem.start.pool.get(size, 0) for size in supply.sizes]
    return (*cores, memory, *pages, problem.start.all_floats)


def asks(supply: Supply, order: Order) -> tuple[int, ...]:
    """Return what one VM asks at least of each sum."""
    total = (*order.extra, *(0,) * (len(supply.sizes) + 2))
    for piece in order.pieces:
        lean = piece.lean
        cores = lean[0].cores if lean else (0,) * supply.cores
        if len(lean) > 1:
            cores = tuple(map(min, *[choice.cores for choice in lean]))
        beside = piece.beside if piece.bound else (0, *piece.beside[1:])
        total = tuple(map(add, total, cores + beside))
    return total


def missing_cores(problem: Problem, orders: Sequence[Order]) -> int:
    """Return how many siblings must be shared at the least: cores wished for less cores there.

    What a VM shares even where it has its node or cache to itself is counted beside.
    """
    wished = sum([piece.best.units for order in orders for piece in order.pieces])
    wished += sum([n for order in orders if order.extra_widths for _, n in order.extra_widths])
    fresh = sum([count for c, count in problem.start.cores.items() if c.status == FRESH])
    return max(wished - fresh, 0) + sum([order.crowded for order in orders])
