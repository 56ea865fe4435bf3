"""Onto which cores a VM's units go within a set of nodes: every way, best first, like ways once."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.planner.cuts import partitions
from kvmc.planner.problem import FRESH, OWN, CoreClass, Item
from kvmc.planner.search.after import take

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kvmc.planner.demand import Demand, Group
    from kvmc.planner.problem import Problem, State
    from kvmc.planner.search.after import Items

Widths = tuple[tuple[int, int], ...]
"""(threads, units of that many), widest first."""


def bin_content(problem: Problem, state: State, number: int) -> object:
    """Return all that tells a bin from another of its node, as far as any VM is concerned."""
    cores = sorted((c.status, c.free, n) for c, n in state.cores.items() if c.bin == number)
    cache = problem.bins[number].cache if number in problem.wide else None
    return number in state.touched, cache, cores


class Guest(Struct, frozen=True):
    """A VM that is to be placed."""

    problem: Problem
    demand: Demand
    view: int
    """The view of it (`Problem.view`): which threads of a core it may use."""

    def fits(self, core_class: CoreClass, width: int) -> bool:
        """Whether a unit of it may go on a core of the class at all."""
        if core_class.free[self.view].bit_count() < width:
            return False
        if core_class.status == FRESH:
            return True
        # OWN and MIXED cores are met by the later cells of a VM, where no rule keeps cells apart.
        return self.demand.prefers and (self.problem.sharing or core_class.status == OWN)


Found = tuple["Items", int, frozenset[int], "State"]
"""What `seated` yields: items, units that joined a used core, bins used, and the state after."""


def seated(
    guest: Guest, group: Group, widths: Widths, nodes: frozenset[int | None], state: State
) -> Iterator[Found]:
    """Yield the ways to put units on cores of exactly these nodes, fewest caches first."""
    if not widths:
        yield (), 0, frozenset(), state
        return
    options: dict[int, dict[int, list[CoreClass]]] = {}
    for core_class in state.cores:
        where = guest.problem.bins[core_class.bin]
        if where.node not in nodes or (group.one_cache and where.l3 is None):
            continue
        for width, _ in widths:
            if guest.fits(core_class, width):
                by_width = options.setdefault(core_class.bin, {w: [] for w, _ in widths})
                by_width[width].append(core_class)
    room = _Room(guest.problem, state, widths, options)
    for bins in room.sets(nodes, one_cache=group.one_cache):
        for items in room.spread(bins, guest.view):
            after, joined = take(state, items, opens=guest.demand.prefers)
            yield items, joined, frozenset(bins), after


class _Room(Struct, frozen=True):
    """Where the units of a group may go."""

    problem: Problem
    state: State
    widths: Widths
    options: Mapping[int, Mapping[int, Sequence[CoreClass]]]
    """Bin -> by width the classes of cores that take a unit that wide."""

    def sets(self, nodes: frozenset[int | None], *, one_cache: bool) -> Iterator[tuple[int, ...]]:
        """Yield sets of bins that can hold the units, fewest and tightest first, twins once.

        They are on exactly these nodes, and where asked within one cache.
        """
        where, options, state = self.problem.bins, self.options, self.state
        units = sum(count for _, count in self.widths)
        narrow = self.widths[-1][0]
        capacity = {
            b: sum(state.cores[c] for c in by_width[narrow]) for b, by_width in options.items()
        }
        content = {b: repr((where[b].node, bin_content(self.problem, state, b))) for b in options}
        for size in range(1, min(units, len(options)) + 1):
            if sum(sorted(capacity.values())[-size:]) < units:
                continue
            seen: set[tuple[str, ...]] = set()
            for bins in combinations(self._ordered(capacity, alone=size == 1), size):
                if {where[b].node for b in bins} != nodes:
                    continue
                if one_cache and len({where[b].cache for b in bins}) > 1:
                    continue
                if not self._holds(bins):
                    continue
                kind = tuple(sorted(content[b] for b in bins))
                if kind not in seen:
                    seen.add(kind)
                    yield bins

    def _ordered(self, capacity: Mapping[int, int], *, alone: bool) -> list[int]:
        """Return the bins: for one alone the tightest first, for several the largest."""
        sign = 1 if alone else -1
        touched = self.state.touched
        return sorted(capacity, key=lambda b: (sign * capacity[b], b not in touched, b))

    def _holds(self, bins: Sequence[int]) -> bool:
        """Whether bins have, for each width, the cores for all units that wide or wider (Hall)."""
        wanted = 0
        for width, count in self.widths:
            wanted += count
            if sum(self.state.cores[c] for b in bins for c in self.options[b][width]) < wanted:
                return False
        return True

    def spread(self, bins: Sequence[int], view: int) -> Iterator[Items]:
        """Yield the ways to spread the units over bins, each of them used; widest units first."""
        classes = [
            (
                width,
                count,
                [
                    (c, mask)
                    for b in bins
                    for c in sorted(self.options[b][width], key=lambda c: _ease(c, view))
                    for mask in _masks(c, view, width)
                ],
            )
            for width, count in self.widths
        ]
        yield from _fill(dict(self.state.cores), classes, frozenset(bins), ())


def _ease(core_class: CoreClass, view: int) -> tuple[int, int, int, CoreClass]:
    """Order of classes: nobody's cores, with the least to spare, that the fewest others want."""
    return (
        core_class.status,
        core_class.free[view].bit_count(),
        sum(mask.bit_count() for mask in core_class.free),
        core_class,
    )


def _masks(core_class: CoreClass, view: int, width: int) -> list[int]:
    """Return the choices of `width` thread positions that differ for some VM."""
    free = core_class.free[view]
    positions = [p for p in range(free.bit_length()) if free >> p & 1]
    found: dict[tuple[tuple[int, ...], ...], int] = {}
    for chosen in combinations(positions, width):
        kind = tuple(sorted(tuple(m >> p & 1 for m in core_class.free) for p in chosen))
        found.setdefault(kind, sum(1 << p for p in chosen))
    return list(found.values())


def _fill(
    left: dict[CoreClass, int],
    classes: list[tuple[int, int, list[tuple[CoreClass, int]]]],
    unused: frozenset[int],
    done: Items,
) -> Iterator[Items]:
    if not classes:
        if not unused:
            yield done
        return
    (width, count, choices), *rest = classes
    for items in _choose(left, choices, count):
        for item in items:
            left[item.core_class] -= item.number
        used = unused - {item.core_class.bin for item in items}
        yield from _fill(left, rest, used, (*done, (width, items)))
        for item in items:
            left[item.core_class] += item.number


def _choose(
    left: Mapping[CoreClass, int], choices: Sequence[tuple[CoreClass, int]], count: int
) -> Iterator[tuple[Item, ...]]:
    """Yield the ways to take `count` cores out of the classes, as many as possible early."""
    if count == 0:
        yield ()
        return
    if not choices:
        return
    (core_class, mask), *rest = choices
    available = left[core_class]
    same = sum(1 for c, _ in rest if c == core_class)
    room = sum(left[c] for c in {c for c, _ in rest})
    for taken in range(min(available, count), -1, -1):
        if count - taken > room:
            return
        item = (Item(core_class, mask, taken),) if taken else ()
        less = {**left, core_class: available - taken} if same else left
        for others in _choose(less, rest, count - taken):
            yield (*item, *others)


def extra_seated(guest: Guest, state: State) -> Iterator[tuple[Items, int, State]]:
    """Yield the ways to place isolated emulator and I/O threads: together, alone, joining."""
    demand, view = guest.demand, guest.view
    if not demand.extra:
        yield (), 0, state
        return
    widest = max((c.free[view].bit_count() for c in state.cores), default=0)
    for parts in sorted(partitions(demand.extra, max(widest, 1)), key=lambda p: (len(p), p)):
        widths = tuple((w, parts.count(w)) for w in sorted(set(parts), reverse=True))
        choices = [
            (
                width,
                count,
                [
                    (c, mask)
                    for c in sorted(state.cores, key=lambda c: _ease(c, view))
                    if _lets_extra_in(c, view, width, demand)
                    for mask in _masks(c, view, width)
                ],
            )
            for width, count in widths
        ]
        for items in _fill(dict(state.cores), choices, frozenset(), ()):
            after, joined = take(state, items, opens=False)
            yield items, joined, after


def _lets_extra_in(core_class: CoreClass, view: int, width: int, demand: Demand) -> bool:
    """Whether isolated threads may go there: nobody's cores, or the VM's own under `prefer`."""
    fits = core_class.free[view].bit_count() >= width
    return fits and (core_class.status == FRESH or (core_class.status == OWN and demand.prefers))
