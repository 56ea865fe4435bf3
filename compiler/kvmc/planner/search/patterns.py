"""Where one VM can go in a state: every way, best first, like ways only once.

The picture, for one group of 3 units of 2 threads on two nodes with two caches each:

    node 0: [L3: 2 cores free] [L3: 1]      node 1: [L3: 4] [L3: 4]
    nodes:  {1} before {0} (tight: 0 free cores left) ... before {0, 1}
    caches: within node 1 one cache holds all 3; the second is just the same, so it is not tried
    classes: within a cache, cores are taken from the class that fits with least to spare
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from kvmc.planner.cuts import partitions
from kvmc.planner.problem import (
    FRESH,
    MIXED,
    OPEN,
    OWN,
    CoreClass,
    GroupPlacement,
    Item,
    State,
    Unbound,
    VmPlacement,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kvmc.planner.cuts import Cut
    from kvmc.planner.demand import Demand, Group
    from kvmc.planner.problem import Problem

Widths = tuple[tuple[int, int], ...]
Items = tuple[tuple[int, tuple[Item, ...]], ...]


class Way(NamedTuple):
    """One way to place a VM: the state after it, what it costs, and the record of it."""

    state: State
    shared: int
    split: int
    nodes: int
    caches: int
    distance: int
    placement: VmPlacement


@dataclass(frozen=True, slots=True, kw_only=True)
class _Partial:
    """A VM with its first groups placed."""

    state: State
    shared: int = 0
    split: int = 0
    spans: tuple[frozenset[int | None], ...] = ()
    """For each placed group the nodes of its dedicated vCPUs, or its bound node."""
    caches: int = 0
    groups: tuple[GroupPlacement, ...] = ()


Hopeless = Callable[[int, int, int], bool]
"""Whether so many shared siblings, split guest cores and nodes are too many already."""


def ways(problem: Problem, index: int, state: State, hopeless: Hopeless) -> Iterator[Way]:
    """Yield every way to place demand `index`, roughly best first; none where it cannot be.

    `hopeless` is asked before the ways with a price are worked out.
    """
    demand = problem.demands[index]
    view = problem.view[index]
    for number, variant in enumerate(demand.variants):
        start = _Partial(state=state)
        for partial in _groups(problem, demand, view, variant.cuts, start, hopeless):
            for items, shared, after in _extra(demand, view, partial.state):
                yield Way(
                    state=_closed(after, problem, demand),
                    shared=partial.shared + shared,
                    split=partial.split,
                    nodes=_node_count(demand, partial.spans),
                    caches=partial.caches,
                    distance=_distance(problem, demand, partial.spans),
                    placement=VmPlacement(number, partial.groups, items),
                )


def _node_count(demand: Demand, spans: Sequence[frozenset[int | None]]) -> int:
    """Return the nodes with dedicated vCPUs; for cells each cell's, and pairs that share one."""
    used = [span for span, g in zip(spans, demand.groups, strict=True) if g.dedicated]
    pairs = sum(not a.isdisjoint(b) for a, b in combinations(used, 2))
    return sum(len(span) for span in used) + pairs


def _distance(problem: Problem, demand: Demand, spans: Sequence[frozenset[int | None]]) -> int:
    used = [span for span, g in zip(spans, demand.groups, strict=True) if g.dedicated]
    nodes = sorted({n for span in used for n in span if n is not None})
    return sum(problem.distances.get((a, b), 0) for a, b in combinations(nodes, 2))


def _groups(  # noqa: PLR0913 (all of it is what the choice depends on)
    problem: Problem,
    demand: Demand,
    view: int,
    cuts: Sequence[Sequence[Cut]],
    done: _Partial,
    hopeless: Hopeless,
) -> Iterator[_Partial]:
    number = len(done.groups)
    if number == len(cuts):
        yield done
        return
    group = demand.groups[number]
    before = zip(done.spans, demand.groups, strict=False)
    spent = sum([len(span) for span, g in before if g.dedicated])
    for cut_number, cut in enumerate(cuts[number]):
        shared, split = done.shared + cut.shared, done.split + cut.split
        for nodes in _node_sets(problem, demand, view, group, cut, done):
            if hopeless(shared, split, spent + len(nodes) * bool(cut.count)):
                break
            booked = _book(group, nodes, done.state)
            if booked is None:
                continue
            found = _place(problem, demand, view, cut.widths, nodes, booked, group)
            for items, joined, used_bins, after in found:
                node = next(iter(nodes)) if len(nodes) == 1 and group.bound else None
                used = frozenset(problem.bins[b].node for b in used_bins)
                noted = _noted(after, demand, group, used)
                partial = replace(
                    done,
                    state=noted,
                    shared=shared + joined,
                    split=split,
                    spans=(*done.spans, used or (nodes if group.bound else frozenset())),
                    caches=done.caches + len({problem.bins[b].cache for b in used_bins}),
                    groups=(*done.groups, GroupPlacement(cut_number, items, node)),
                )
                yield from _groups(problem, demand, view, cuts, partial, hopeless)


def _node_sets(  # noqa: PLR0913 (all of it is what the choice depends on)
    problem: Problem, demand: Demand, view: int, group: Group, cut: Cut, done: _Partial
) -> Iterator[frozenset[int | None]]:
    """Yield the sets of nodes worth trying for a group, small and tight ones first."""
    if not cut.count and not group.bound:
        yield frozenset()
        return
    taken = frozenset().union(*done.spans) if group.bound else frozenset()
    free = dict.fromkeys(problem.nodes, 0)
    for core_class, count in done.state.cores.items():
        if _fits(core_class, view, 1, demand, problem):
            free[problem.bins[core_class.bin].node] += count
    need = cut.count
    usable = [
        n
        for n in problem.nodes
        if n not in taken and (free[n] or not need) and (n is not None or not group.bound)
    ]
    short = {n: _lacks_memory(group, n, done.state) for n in usable}
    order = sorted(usable, key=lambda n: (short[n], free[n] < need, free[n] - need, _last(n)))
    within = group.bound or (group.one_cache and not problem.wide)
    largest = 1 if within else len(order)
    for size in range(1, largest + 1):
        tried: list[int | None] = []
        for nodes in combinations(order, size):
            if sum(free[n] for n in nodes) < need or (size > need > 0):
                continue
            if size == 1:
                if any(_twins(problem, done.state, nodes[0], other) for other in tried):
                    continue
                tried.append(nodes[0])
            yield frozenset(nodes)


def _last(node: int | None) -> int:
    return 1 << 30 if node is None else node


def _lacks_memory(group: Group, node: int | None, state: State) -> bool:
    if node is None:
        return True
    if group.page_kib is not None:
        return state.pages.get((node, group.page_kib), 0) * group.page_kib < group.memory_kib
    return state.memory.get(node, group.memory_kib) < group.memory_kib


def _twins(problem: Problem, state: State, a: int | None, b: int | None) -> bool:
    """Whether two nodes are interchangeable: swapping them changes nothing that is left."""
    if a is None or b is None:
        return False
    others = [n for n in problem.nodes if n is not None and n not in (a, b)]
    far = problem.distances
    return all(far.get((a, n), 0) == far.get((b, n), 0) for n in others) and _content(
        problem, state, a
    ) == _content(problem, state, b)


def _content(problem: Problem, state: State, node: int) -> object:
    """Return all that is left on a node, without the ids that tell its bins from another's."""
    bins = sorted(
        repr(bin_content(problem, state, b))
        for b, where in enumerate(problem.bins)
        if where.node == node
    )
    pages = sorted((size, left) for (n, size), left in state.pages.items() if n == node)
    return bins, state.memory.get(node), pages, state.floats.get(node, 0)


def bin_content(problem: Problem, state: State, number: int) -> object:
    """Return all that tells a bin from another of its node, as far as any VM is concerned."""
    cores = sorted((c.status, c.free, n) for c, n in state.cores.items() if c.bin == number)
    cache = problem.bins[number].cache if number in problem.wide else None
    return number in state.touched, cache, cores


def _book(group: Group, nodes: frozenset[int | None], state: State) -> State | None:
    """Take the group's memory, pages and floating vCPUs; None where a rule forbids it."""
    if state.all_floats < group.floats:
        return None
    state = replace(state, all_floats=state.all_floats - group.floats)
    size = group.page_kib
    pool = state.pool
    if size is not None:
        left = pool.get(size, 0) - group.memory_kib // size
        if left < 0:
            return None
        state = replace(state, pool={**pool, size: left})
    if not group.bound:
        return state
    node = next(iter(nodes))
    if node is None or _lacks_memory(group, node, state):
        return None
    if group.floats:
        if state.floats.get(node, 0) < group.floats:
            return None
        state = replace(state, floats={**state.floats, node: state.floats[node] - group.floats})
    return _without_memory(state, node, group)


def _noted(state: State, demand: Demand, group: Group, used: frozenset[int | None]) -> State:
    """Return the state with a note of where an unbound group's memory should be."""
    if group.bound or not used:
        return state
    nodes = tuple(sorted(n for n in used if n is not None))
    cell = -1 if group.cell is None else group.cell
    entry = Unbound(demand.vm.name, cell, nodes, group.memory_kib, group.page_kib)
    return replace(state, unbound=(*state.unbound, entry))


def _without_memory(state: State, node: int, group: Group) -> State:
    if group.page_kib is not None:
        key = (node, group.page_kib)
        left = state.pages[key] - group.memory_kib // group.page_kib
        return replace(state, pages={**state.pages, key: left})
    if node not in state.memory:
        return state
    return replace(state, memory={**state.memory, node: state.memory[node] - group.memory_kib})


def _fits(core_class: CoreClass, view: int, width: int, demand: Demand, problem: Problem) -> bool:
    """Whether a unit of a VM may go on a core of the class at all."""
    if core_class.free[view].bit_count() < width:
        return False
    if core_class.status == FRESH:
        return True
    # OWN and MIXED cores are met by the later cells of a VM, where no rule keeps cells apart.
    return demand.prefers and (problem.sharing or core_class.status == OWN)


Found = tuple[Items, int, frozenset[int], State]
"""What `_place` yields: items, units that joined a used core, bins used, and the state after."""


def _place(  # noqa: PLR0913 (all of it is what the choice depends on)
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
            if _fits(core_class, view, width, demand, problem):
                by_width = options.setdefault(core_class.bin, {w: [] for w, _ in widths})
                by_width[width].append(core_class)
    for bins in _bin_sets(problem, state, options, widths, nodes, one=group.one_cache):
        for items in _spread(state, options, bins, widths, view):
            after, joined = take(state, items, demand)
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
    content = {b: (problem.bins[b].node, repr(bin_content(problem, state, b))) for b in options}
    for size in range(1, min(units, len(options)) + 1):
        # One bin: the tightest that is enough. Several: the largest, to need few.
        order = sorted(
            options,
            key=lambda b: ((capacity[b] if size == 1 else -capacity[b]), b not in state.touched, b),
        )
        if sum(sorted(capacity.values())[-size:]) < units:
            continue
        seen: set[tuple[tuple[int | None, str], ...]] = set()
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


def take(state: State, items: Items, demand: Demand) -> tuple[State, int]:
    """Return the state without the cores taken, and how many units joined used cores.

    What is left of a core stays open, where the thread policy is `prefer`, to the VM's other
    cells and isolated threads, and under core_sharing: allow to other VMs.
    """
    cores = dict(state.cores)
    touched = set(state.touched)
    joined = 0
    for _, chosen in items:
        for core_class, mask, count in chosen:
            cores[core_class] -= count
            if not cores[core_class]:
                del cores[core_class]
            touched.add(core_class.bin)
            joined += count if core_class.status != FRESH else 0
            rest = tuple(free & ~mask for free in core_class.free)
            if demand.prefers and any(rest):
                key = CoreClass(core_class.bin, rest, after_joining(core_class.status))
                cores[key] = cores.get(key, 0) + count
    return replace(state, cores=cores, touched=frozenset(touched)), joined


def after_joining(status: int) -> int:
    """Return what a core is to the VM that has just joined it."""
    return OWN if status in (FRESH, OWN) else MIXED


def without(state: State, items: Items) -> tuple[State, int]:
    """Return the state without the cores that isolated threads take, closed to everyone else."""
    cores = dict(state.cores)
    touched = set(state.touched)
    joined = 0
    for _, chosen in items:
        for core_class, _, count in chosen:
            cores[core_class] -= count
            if not cores[core_class]:
                del cores[core_class]
            touched.add(core_class.bin)
            joined += count if core_class.status != FRESH else 0
    return replace(state, cores=cores, touched=frozenset(touched)), joined


def _extra(demand: Demand, view: int, state: State) -> Iterator[tuple[Items, int, State]]:
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
            after, joined = without(state, items)
            yield items, joined, after


def _lets_extra_in(core_class: CoreClass, view: int, width: int, demand: Demand) -> bool:
    """Whether isolated threads may go there: nobody's cores, or the VM's own under `prefer`."""
    fits = core_class.free[view].bit_count() >= width
    return fits and (core_class.status == FRESH or (core_class.status == OWN and demand.prefers))


def _closed(state: State, problem: Problem, demand: Demand) -> State:
    """Return the state for the next VM: own cores become open ones, or are gone."""
    if not any(c.status in (OWN, MIXED) for c in state.cores):
        return state
    cores: dict[CoreClass, int] = {}
    for core_class, count in state.cores.items():
        key = core_class
        if core_class.status in (OWN, MIXED):
            if not (problem.sharing and demand.prefers):
                continue
            key = core_class._replace(status=OPEN)
        cores[key] = cores.get(key, 0) + count
    return replace(state, cores=cores)
