"""From counts to CPUs where VMs join each other's cores: each core's way through its classes.

A unit takes a core from one class to another with fewer free threads, so that the classes of a bin
are in order: whoever opened a core has been dealt with before anyone joins it, whatever the order
of VMs was (flow decomposition in an acyclic graph; Ahuja, Magnanti, Orlin: Network Flows, 3.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmc.planner.problem import FRESH, MIXED, OWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvmc.host.model import Host
    from kvmc.planner.problem import Item, Problem, Solution, VmPlacement

EXTRA = -1
"""In the place of a group's index: the isolated threads."""

Drawn = dict[tuple[int, int, int], list[tuple[int, ...]]]
"""(demand, group, width) -> the CPUs taken, a tuple a core."""
_Class = tuple[int, tuple[int, ...], bool]
"""Bin, free threads by view, and whether nobody has been there: what tells cores apart."""


class _Core(NamedTuple):
    number: int
    tenants: frozenset[int]


class _Task(NamedTuple):
    """Units of one VM that go onto cores of one class."""

    key: tuple[int, int, int]
    item: Item


def parts_of(placement: VmPlacement) -> Iterator[tuple[int, int, tuple[Item, ...]]]:
    """Yield (group, width, items) of everything that a VM takes."""
    for index, group in enumerate(placement.groups):
        for width, items in group.items:
            yield index, width, items
    for width, items in placement.extra:
        yield EXTRA, width, items


def places_on(host: Host, cores: Iterable[int], mask: int) -> list[tuple[int, ...]]:
    """Return the CPUs on some thread positions of each core."""
    every = [host.cores[core].cpus for core in cores]
    width = mask.bit_count()
    if set(map(len, every)) == {width}:
        return every
    positions = [p for p in range(mask.bit_length()) if mask >> p & 1]
    return [tuple([cpus[p] for p in positions]) for cpus in every]


def chained(host: Host, problem: Problem, solution: Solution) -> Drawn:
    """Return the cores of every placed VM."""
    stock: dict[_Class, list[_Core]] = {}
    for key, cores in problem.core_of.items():
        here = stock.setdefault((key.bin, key.free, key.status == FRESH), [])
        here += [_Core(core, frozenset()) for core in cores]
    drawn: Drawn = {}
    for task in sorted(_tasks(solution), key=_most_free_first):
        number, group, _ = task.key
        core_class, mask, count = task.item
        fresh = core_class.status == FRESH
        there = stock[core_class.bin, core_class.free, fresh]
        there.sort(key=lambda core: _fit(core, task))
        taken = there[:count]
        del there[:count]
        drawn.setdefault(task.key, []).extend(places_on(host, [c.number for c in taken], mask))
        rest = tuple([free & ~mask for free in core_class.free])
        if problem.demands[number].prefers and group != EXTRA and any(rest):
            left = stock.setdefault((core_class.bin, rest, False), [])
            left += [_Core(core.number, core.tenants | {number}) for core in taken]
    return drawn


def _tasks(solution: Solution) -> Iterator[_Task]:
    for number in solution.order:
        placement = solution.placements[number]
        for group, width, items in parts_of(placement) if placement else ():
            for item in items:
                yield _Task((number, group, width), item)


def _most_free_first(task: _Task) -> tuple[int, int]:
    """Order tasks by class; at one class those first that want a core they know, then those not."""
    free = sum([mask.bit_count() for mask in task.item.core_class.free])
    return -free, -task.item.core_class.status


def _fit(core: _Core, task: _Task) -> tuple[bool, bool, int]:
    """Order cores for a task: those whose tenants are as the search saw them, then by id."""
    status = task.item.core_class.status
    mine = task.key[0] in core.tenants
    alone = len(core.tenants) == 1
    return mine != (status in (OWN, MIXED)), mine and alone != (status == OWN), core.number
