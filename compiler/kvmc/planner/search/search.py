"""The search: exact where a host and its fleet are small, by packing where they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.planner.problem import MOST_CORES, Cost, Solution, widened
from kvmc.planner.search.alone import beyond_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.problem import Problem

_FEW_VMS = 4
_FEW_VCPUS = 24
_FEW_BINS = 8
_FEW_CORES = 16
"""On more than these only so many placements are tried as are tried beside packing."""


def search(problem: Problem) -> Solution:
    """Return the best plan found, and whether what it leaves out is proven to be the least.

    VMs that would not fit an otherwise empty host are no part of the question what the others
    leave out: they are taken away first, or nothing beside them could be proven.
    """
    if not problem.demands:
        final = problem.start  # all stay where they are: a build that changes nothing ends here
        return Solution(placements=(), order=(), cost=Cost(), final=final, complete=True)
    beyond = beyond_all(problem)
    if not beyond:
        return _among(problem)
    if len(beyond) == len(problem.demands):
        from kvmc.planner.search.outcome import solution_of

        return _without(problem, beyond, solution_of(problem.only(()), None, complete=True))
    return _without(problem, beyond, _among(_others(problem, beyond)))


def _among(problem: Problem) -> Solution:
    """Return the best plan for VMs that counting does not rule out."""
    found = _search(problem)
    if found.complete:
        return found
    left = [n for n, placement in enumerate(found.placements) if placement is None]
    hopeless = [n for n in left if _is_hopeless(problem, n)]
    if not hopeless:
        return found
    rest = _search(_others(problem, hopeless))
    complete = rest.complete or None not in rest.placements
    return _without(problem, hopeless, replace(rest, complete=complete))


def _others(problem: Problem, numbers: Sequence[int]) -> Problem:
    return problem.only([n for n in range(len(problem.demands)) if n not in numbers])


def _without(problem: Problem, numbers: Sequence[int], rest: Solution) -> Solution:
    """Return the plan of the others as one for all; those of `numbers` do not fit even alone."""
    kept = [n for n in range(len(problem.demands)) if n not in numbers]
    names = {problem.demands[n].vm.name for n in numbers}
    return replace(widened(problem, kept, rest), alone=rest.alone | names)


def _is_hopeless(problem: Problem, number: int) -> bool:
    alone = _search(problem.only([number]))
    return alone.complete and alone.placements[0] is None


def _search(problem: Problem) -> Solution:
    # imported when needed: the one is half of the planner, and small fleets do without it
    if not _is_small(problem):
        from kvmc.planner.search.fleet import plan_fleet

        packed = plan_fleet(problem)
        if not packed.complete and sum(problem.start.cores.values()) <= MOST_CORES:
            packed = _tried(problem, packed)
        return _of_those_placed(problem, packed)
    from kvmc.planner.search.branching import search_exactly

    exact = search_exactly(_bounded(problem))
    if exact.complete:
        return exact
    from kvmc.planner.search.fleet import plan_fleet

    packed = plan_fleet(problem)
    return _of_those_placed(problem, min(exact, packed, key=lambda one: one.cost))


def _bounded(problem: Problem) -> Problem:
    """Return the problem with as many steps as trying all placements on its cores may take."""
    if sum(problem.start.cores.values()) <= _FEW_CORES:
        return problem
    return problem.brief()


def _of_those_placed(problem: Problem, found: Solution) -> Solution:
    """Return the plan that the VMs with a place get where nobody asked for the others.

    Without those that fit nowhere there are more ways to be tried for everything but the first
    preference; and whoever deletes their specs does not see the others move.
    """
    kept = [n for n, placement in enumerate(found.placements) if placement is not None]
    if not 0 < len(kept) < len(found.placements):
        return found
    rest = _search(problem.only(kept))
    if None in rest.placements:
        return found
    alone = replace(widened(problem, kept, rest), complete=found.complete)
    return min(alone, found, key=lambda one: one.cost)


def _tried(problem: Problem, found: Solution) -> Solution:
    """Try all ways to leave out less than was found."""
    from kvmc.planner.search.branching import fewest_left_out, search_exactly
    from kvmc.planner.search.fleet import plan_fleet

    brief = problem.brief()
    kept, proven = fewest_left_out(brief, found.cost.left_out)
    if kept is None:
        return replace(found, complete=proven)
    best = plan_fleet(problem.only(kept))
    if None in best.placements:
        best = search_exactly(_bounded(problem.only(kept)))
    proven = proven and None not in best.placements
    return replace(widened(problem, kept, best), complete=proven)


def _is_small(problem: Problem) -> bool:
    """Whether all placements can be tried, or ruled out, in a moment."""
    if len(problem.demands) > _FEW_VMS or len(problem.bins) > _FEW_BINS:
        return False
    if sum(problem.start.cores.values()) > MOST_CORES:
        return False
    return sum(demand.threads_needed for demand in problem.demands) <= _FEW_VCPUS
