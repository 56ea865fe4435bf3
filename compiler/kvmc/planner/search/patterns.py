"""Where one VM can go in a state: every way, best first, like ways only once.

The picture, for one group of 3 units of 2 threads on two nodes with two caches each:

    node 0: [L3: 2 cores free] [L3: 1]      node 1: [L3: 4] [L3: 4]
    nodes:  {1} before {0} (tight: 0 free cores left) ... before {0, 1}
    caches: within node 1 one cache holds all 3; the second is just the same, so it is not tried
    classes: within a cache, cores are taken from the class that fits with least to spare
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from kvmc.planner.problem import (
    GroupPlacement,
    State,
    Unbound,
    VmPlacement,
)
from kvmc.planner.search.after import closed
from kvmc.planner.search.units import Guest, bin_content, extra_seated, seated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.planner.cuts import Cut
    from kvmc.planner.demand import Demand, Group
    from kvmc.planner.problem import Problem


class Way(NamedTuple):
    """One way to place a VM: the state after it, what it costs, and the record of it."""

    state: State
    shared: int
    split: int
    nodes: int
    caches: int
    distance: int
    placement: VmPlacement


Hopeless = Callable[[int, int, int], bool]
"""Whether so many shared siblings, split guest cores and nodes are too many already."""


def ways(problem: Problem, index: int, state: State, hopeless: Hopeless) -> Iterator[Way]:
    """Yield every way to place demand `index`, roughly best first; none where it cannot be.

    `hopeless` is asked before the ways with a price are worked out.
    """
    demand = problem.demands[index]
    guest = Guest(problem, demand, problem.view[index])
    for number, variant in enumerate(demand.variants):
        choice = _Choice(guest, variant.cuts, hopeless)
        for partial in choice.placed(_Partial(state=state)):
            for items, shared, after in extra_seated(guest, partial.state):
                yield Way(
                    state=closed(after, problem, demand),
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


class _Partial(Struct, frozen=True, kw_only=True):
    """A VM with its first groups placed."""

    state: State
    shared: int = 0
    split: int = 0
    spans: tuple[frozenset[int | None], ...] = ()
    """For each placed group the nodes of its dedicated vCPUs, or its bound node."""
    caches: int = 0
    groups: tuple[GroupPlacement, ...] = ()


class _Choice(Struct, frozen=True):
    """A VM whose groups are placed one after the other, as one of its variants."""

    guest: Guest
    cuts: Sequence[Sequence[Cut]]
    """Group -> the ways to cut it."""
    hopeless: Hopeless

    def placed(self, done: _Partial) -> Iterator[_Partial]:
        """Yield the ways to place the groups that are not yet done."""
        number = len(done.groups)
        if number == len(self.cuts):
            yield done
            return
        group = self.guest.demand.groups[number]
        before = zip(done.spans, self.guest.demand.groups, strict=False)
        spent = sum([len(span) for span, g in before if g.dedicated])
        for cut_number, cut in enumerate(self.cuts[number]):
            shared, split = done.shared + cut.shared, done.split + cut.split
            for nodes in _node_sets(self.guest, group, cut.count, done):
                if self.hopeless(shared, split, spent + len(nodes) * bool(cut.count)):
                    break
                for partial in _on_nodes(self.guest, cut_number, cut, nodes, done):
                    yield from self.placed(partial)


def _on_nodes(
    guest: Guest, number: int, cut: Cut, nodes: frozenset[int | None], done: _Partial
) -> Iterator[_Partial]:
    """Yield the ways to place the next group on exactly these nodes, with the cut of a number."""
    problem, demand = guest.problem, guest.demand
    group = demand.groups[len(done.groups)]
    booked = _book(group, nodes, done.state)
    if booked is None:
        return
    for items, joined, used_bins, after in seated(guest, group, cut.widths, nodes, booked):
        node = next(iter(nodes)) if len(nodes) == 1 and group.bound else None
        used = frozenset(problem.bins[b].node for b in used_bins)
        yield replace(
            done,
            state=_noted(after, demand, group, used),
            shared=done.shared + cut.shared + joined,
            split=done.split + cut.split,
            spans=(*done.spans, used or (nodes if group.bound else frozenset())),
            caches=done.caches + len({problem.bins[b].cache for b in used_bins}),
            groups=(*done.groups, GroupPlacement(number, items, node)),
        )


def _node_sets(
    guest: Guest, group: Group, need: int, done: _Partial
) -> Iterator[frozenset[int | None]]:
    """Yield the sets of nodes worth trying for a group, small and tight ones first.

    `need` is the number of cores that it is cut onto.
    """
    if not need and not group.bound:
        yield frozenset()
        return
    problem, state = guest.problem, done.state
    free = dict.fromkeys(problem.nodes, 0)
    for core_class, count in state.cores.items():
        if guest.fits(core_class, 1):
            free[problem.bins[core_class.bin].node] += count
    taken = frozenset().union(*done.spans) if group.bound else frozenset()
    usable = [
        n
        for n in problem.nodes
        if n not in taken and (free[n] or not need) and (n is not None or not group.bound)
    ]
    short = {n: _lacks_memory(group, n, state) for n in usable}
    order = sorted(usable, key=lambda n: (short[n], free[n] < need, free[n] - need, _last(n)))
    tried: list[int | None] = []
    for node in order:
        if free[node] < need or any(_twins(problem, state, node, other) for other in tried):
            continue
        tried.append(node)
        yield frozenset([node])
    if group.bound or (group.one_cache and not problem.wide):
        return
    for size in range(2, min(need, len(order)) + 1):
        for nodes in combinations(order, size):
            if sum(free[n] for n in nodes) >= need:
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
