"""What shows at once that a VM would not fit even if no other were there: plain counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.planner.matching import apart

if TYPE_CHECKING:
    from kvmc.planner.demand import Group
    from kvmc.planner.problem import Problem

_Threads = dict[int | None, int]
"""Node -> free threads."""
_ANYWHERE = -1
"""In the place of a node: the whole host."""


def beyond_all(problem: Problem) -> list[int]:
    """Return the VMs that the host could not hold if it held nothing else that is asked for."""
    threads: dict[int, _Threads] = {}
    found = []
    for number, (demand, view) in enumerate(zip(problem.demands, problem.view, strict=True)):
        free = threads.get(view)
        if free is None:
            free = threads[view] = _free_threads(problem, view)
        if demand.threads_needed > free[_ANYWHERE] or not _has_room(problem, demand.groups, free):
            found.append(number)
    return found


def _free_threads(problem: Problem, view: int) -> _Threads:
    found: _Threads = {}
    for core_class, count in problem.start.cores.items():
        node = problem.bins[core_class.bin].node
        found[node] = found.get(node, 0) + count * core_class.free[view].bit_count()
    found[_ANYWHERE] = sum(found.values())
    return found


def _has_room(problem: Problem, groups: tuple[Group, ...], free: _Threads) -> bool:
    """Whether there are shared CPUs and pages for all groups, and nodes for the bound ones."""
    floats = 0
    pages: dict[int, int] = {}
    few = []
    for group in groups:
        floats += group.floats
        if group.page_kib is not None:
            pages[group.page_kib] = pages.get(group.page_kib, 0) + group.memory_kib
        if group.bound:
            homes = _homes(problem, group, free, len(groups))
            if not homes:
                return False
            if len(homes) < len(groups):
                few.append(homes)
    start = problem.start
    if floats > start.all_floats or (len(few) > 1 and not apart(few)):
        return False
    return not any(kib > size * start.pool.get(size, 0) for size, kib in pages.items())


def _homes(problem: Problem, group: Group, free: _Threads, enough: int) -> list[int]:
    """Return the nodes that have what a group takes, each for itself; unknown memory is enough.

    With as many as there are groups one is left for it whatever the others take.
    """
    start, kib, size = problem.start, group.memory_kib, group.page_kib
    need, floats = len(group.dedicated), group.floats
    found = []
    for node in problem.nodes:
        if node is None or need > free.get(node, 0) or floats > start.floats.get(node, 0):
            continue
        if size is None:
            holds = start.memory.get(node, kib) >= kib
        else:
            holds = size * start.pages.get((node, size), 0) >= kib
        if holds:
            found.append(node)
            if len(found) == enough:
                break
    return found
