"""The search: exact where a host and its fleet are small, by packing where they are not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.planner.problem import Cost, Solution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.problem import Problem

_FEW_VMS = 4
_FEW_VCPUS = 24
_FEW_BINS = 8
_FEW_CORES = 16
_MOST_CORES = 64
_STEPS = 2_000
"""Placements tried on larger hosts before packing takes over."""


def search(problem: Problem) -> Solution:
    """Return the best plan found, and whether what it leaves out is proven to be the least.

    VMs that would not fit an otherwise empty host are no part of the question what the others
    leave out: they are taken away first, or nothing beside them could be proven.
    """
    if not problem.demands:
        final = problem.start  # all stay where they are: a build that changes nothing ends here
        return Solution(placements=(), order=(), cost=Cost(), final=final, complete=True)
    if not any(map(partial(_may_hold, problem), range(len(problem.demands)))):
        from kvmc.planner.search.outcome import solution_of

        return solution_of(problem, None, complete=True)
    found = _search(problem)
    if found.complete:
        return found
    left = [n for n, placement in enumerate(found.placements) if placement is None]
    hopeless = {n for n in left if _is_hopeless(problem, n)}
    if not hopeless:
        return found
    kept = [n for n in range(len(problem.demands)) if n not in hopeless]
    rest = _search(_only(problem, kept))
    placements = dict(zip(kept, rest.placements, strict=True))
    out = sum(problem.demands[n].vm.cpu.max for n in hopeless)
    return replace(
        rest,
        placements=tuple(placements.get(n) for n in range(len(problem.demands))),
        order=tuple(kept[n] for n in rest.order),
        cost=rest.cost._replace(left_out=rest.cost.left_out + out),
        complete=rest.complete or None not in rest.placements,
    )


def _may_hold(problem: Problem, number: int) -> bool:
    """Whether all cores together have as many free threads as a VM asks for."""
    view = problem.view[number]
    free = sum([n * c.free[view].bit_count() for c, n in problem.start.cores.items()])
    return problem.demands[number].threads_needed <= free


def _is_hopeless(problem: Problem, number: int) -> bool:
    alone = _search(_only(problem, [number]))
    return alone.complete and alone.placements[0] is None


def _only(problem: Problem, numbers: Sequence[int]) -> Problem:
    return replace(
        problem,
        demands=tuple(problem.demands[n] for n in numbers),
        view=tuple(problem.view[n] for n in numbers),
    )


def _search(problem: Problem) -> Solution:
    # imported when needed: the one is half of the planner, and small fleets do without it
    if not _is_small(problem):
        from kvmc.planner.search.fleet import plan_fleet

        return plan_fleet(problem)
    from kvmc.planner.search.branching import search_exactly

    tiny = sum(problem.start.cores.values()) <= _FEW_CORES
    steps = problem.budget if tiny else min(problem.budget, _STEPS)
    exact = search_exactly(replace(problem, budget=steps))
    if exact.complete:
        return exact
    from kvmc.planner.search.fleet import plan_fleet

    packed = plan_fleet(problem)
    return min(exact, packed, key=lambda one: one.cost)


def _is_small(problem: Problem) -> bool:
    """Whether all placements can be tried, or ruled out, in a moment."""
    if len(problem.demands) > _FEW_VMS or len(problem.bins) > _FEW_BINS:
        return False
    if sum(problem.start.cores.values()) > _MOST_CORES:
        return False
    return sum(demand.threads_needed for demand in problem.demands) <= _FEW_VCPUS
