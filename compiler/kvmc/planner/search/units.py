"""Onto which cores a VM's units go within a set of nodes: every way, best first, like ways once."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

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


def fits(core_class: CoreClass, view: int, width: int, demand: Demand, problem: Problem) -> bool:
    """Whether a unit of a VM may go on a core of the class at all."""
    if core_class.free[view].bit_count() < width:
        return False
    if core_class.status == FRESH:
        return True
    # OWN and MIXED cores are met by the later cells of a VM, where no rule keeps cells apart.
    return demand.prefers and (problem.sharing or core_class.status == OWN)


Found = tuple["Items", int, frozenset[int], "State"]
"""What `seated` yields: items, units that joined a used core, bins used, and the state after."""


def seated(  # noqa: PLR0913 (all of it is what the choice depends on)
    problem: Problem,
    demand: Demand,
    view: int,
    widths: Widths,
    nodes: frozenset[int | None],
    state: State,
    group: Group,
) -> Iterator[Found]:
    """Yield the ways to put units on cores of exactly these nodes, fewest caches first."""
    if not widths:
        yield (), 0, frozenset(), state
        return
    options: dict[int, dict[int, list[CoreClass]]] = {}
    for core_class in state.cores:
        where = problem.bins[core_class.bin]
        if where.node not in nodes or (group.one_cache and where.l3 is None):
            continue
        for width, _ in widths:
            if fits(core_class, view, width, demand, problem):
                by_width = options.setdefault(core_class.bin, {w: [] for w, _ in widths})
                by_width[width].append(core_class)
    for bins in _bin_sets(problem, state, options, widths, nodes, one=group.one_cache):
        for items in _spread(state, options, bins, widths, view):
            after, joined = take(state, items, opens=demand.prefers)
            yield items, joined, frozenset(bins), after


def _bin_sets(  # noqa: PLR0913 (all of it is what the choice depends on)
    problem: Problem,
    state: State,
    options: Mapping[int, Mapping[int, Sequence[CoreClass]]],
    widths: Widths,
    nodes: frozenset[int | None],
    *,
    one: bool,
) -> Iterator[tuple[int, ...]]:
    """Yield sets of bins that can hold the units, fewest and tightest first, twins once."""
    units = sum(count for _, count in widths)
    capacity = {
        b: sum(state.cores[c] for c in by_width[widths[-1][0]]) for b, by_width in options.items()
    }
    content = {b: repr((problem.bins[b].node, bin_content(problem, state, b))) for b in options}
    for size in range(1, min(units, len(options)) + 1):
        # One bin: the tightest that is enough. Several: the largest, to need few.
        order = sorted(
            options,
            key=lambda b: ((capacity[b] if size == 1 else -capacity[b]), b not in state.touched, b),
        )
        if sum(sorted(capacity.values())[-size:]) < units:
            continue
        seen: set[tuple[str, ...]] = set()
        for bins in combinations(order, size):
            if {problem.bins[b].node for b in bins} != nodes:
                continue
            if one and len({problem.bins[b].cache for b in bins}) > 1:
                continue
            if not _enough(state, options, bins, widths):
                continue
            kind = tuple(sorted(content[b] for b in bins))
            if kind not in seen:
                seen.add(kind)
                yield bins


def _enough(
    state: State,
    options: Mapping[int, Mapping[int, Sequence[CoreClass]]],
    bins: Sequence[int],
    widths: Widths,
) -> bool:
    """Whether the bins have, for each width, the cores for all units that wide or wider (Hall)."""
    wanted = 0
    for width, count in widths:
        wanted += count
        if sum(state.cores[c] for b in bins for c in options[b][width]) < wanted:
            return False
    return True


def _spread(
    state: State,
    options: Mapping[int, Mapping[int, Sequence[CoreClass]]],
    bins: Sequence[int],
    widths: Widths,
    view: int,
) -> Iterator[Items]:
    """Yield the ways to spread units over the bins, every bin used; widest units first."""
    classes = [
        (
            width,
            count,
            [
                (c, mask)
                for b in bins
                for c in sorted(options[b][width], key=lambda c: _ease(c, view))
                for mask in _masks(c, view, width)
            ],
        )
        for width, count in widths
    ]
    yield from _fill(dict(state.cores), classes, frozenset(bins), ())


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


def extra_seated(demand: Demand, view: int, state: State) -> Iterator[tuple[Items, int, State]]:
    """Yield the ways to place isolated emulator and I/O threads: together, alone, joining."""
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
