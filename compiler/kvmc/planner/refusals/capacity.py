"""Counting: why a VM does not fit, in the host's own numbers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from kvmc.cpuset import CpuSet, union
from kvmc.planner.claims import core_masks
from kvmc.planner.refusals.counting import width_of
from kvmc.planner.refusals.nowhere import no_candidates, not_online
from kvmc.units import format_kib
from kvmc.words import many, nodes, some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.demand import Demand
    from kvmc.planner.problem import State


_NAMED = 4
"""Caches that are named where several have the most free."""
_ALIKE = 4
"""Nodes with as much left each that are named together."""


class Situation(Struct, frozen=True, kw_only=True):
    """What is left on a host when a VM found no place."""

    host: Host
    state: State
    holders: Mapping[str, CpuSet]
    """VM -> the CPUs dedicated to it or claimed by it."""


def reason(demand: Demand, now: Situation) -> str:
    """Return one sentence with the arithmetic of why a demand found no place."""
    if demand.obstacle:
        return demand.obstacle
    scarce = list(_scarce(demand, now))
    pages = _pages(demand, now)
    alone = [pages] if pages else [s.words for s in scarce if s.alone]
    parts = [_floats(demand, now), *alone]
    if not any(parts):
        parts = [_cores(demand, now) if demand.threads_needed else "", *(s.words for s in scarce)]
    return "; ".join(filter(None, parts)) or "no node has all that it needs together"


def _floats(demand: Demand, now: Situation) -> str:
    """Return the sum over shared vCPUs where that is what lacks."""
    wanted = sum(group.floats for group in demand.groups)
    policy = now.host.policy
    if wanted <= now.state.all_floats:
        return ""
    if not policy.shared:
        return f"needs {many(wanted, 'shared vCPU')}, and {now.host.name} has no shared set"
    online = policy.shared & now.host.online
    total = policy.carries(len(online))
    return (
        f"needs {many(wanted, 'shared vCPU')}; the shared set carries {total} "
        f"({many(len(online), 'CPU')} x {policy.overcommit:g}), "
        f"{max(now.state.all_floats, 0)} left"
    )


def _pages(demand: Demand, now: Situation) -> str:
    """Return the sum over huge pages where the whole host has too few."""
    wanted: Counter[int] = Counter()
    for group in demand.groups:
        if group.page_kib is not None:
            wanted[group.page_kib] += group.memory_kib // group.page_kib
    for size, count in wanted.items():
        left = now.state.pool.get(size, 0)
        if left < count:
            had = {node.id: dict(node.hugepages).get(size, 0) for node in now.host.nodes}
            each = ", ".join(f"node {node} {count}" for node, count in had.items() if count)
            of = f" of {sum(had.values())} ({each})" if each else ""
            need = f"needs {count} pages of {format_kib(size)}"
            return f"{need}, {now.host.name} has {left} left{of}"
    return ""


class _Scarce(NamedTuple):
    """What some node has too little of for a group that a rule keeps on one node."""

    words: str
    alone: bool
    """Whether no node has enough, so that it is the reason by itself."""


def _scarce(demand: Demand, now: Situation) -> Iterator[_Scarce]:
    """Yield what bound groups need of one node and some node lacks, with what each has left."""
    bound = [group for group in demand.groups if group.bound]
    for size in sorted({group.page_kib or 0 for group in bound}):
        needs = [group.memory_kib for group in bound if (group.page_kib or 0) == size]
        kind = f" of {format_kib(size)} pages" if size else ""
        yield from _lacking(needs, _left(size, now), kind, format_kib)
    floats = [group.floats for group in bound if group.floats]
    carried = {node: now.state.floats.get(node, 0) for node in now.host.node_cpus}
    yield from _lacking(floats, carried, f" shared vCPU{'' if floats == [1] else 's'}", str)


def _lacking(
    needs: Sequence[int], left: Mapping[int, int], words: str, text: Callable[[int], str]
) -> Iterator[_Scarce]:
    if needs and left and min(left.values()) < max(needs):
        each = _on_nodes({node: text(max(has, 0)) for node, has in left.items()})
        where = "on one node" if len(needs) == 1 else f"on {len(needs)} different nodes"
        need = f"needs {', '.join(map(text, needs))}{words} {where}"
        yield _Scarce(f"{need}; {each} left", max(left.values()) < max(needs))


def _left(size: int, now: Situation) -> Mapping[int, int]:
    """Return node -> KiB left in pages of a size (0: normal memory), where it is known."""
    if not size:
        return now.state.memory
    return {n.id: now.state.pages.get((n.id, size), 0) * size for n in now.host.nodes}


def _cores(demand: Demand, now: Situation) -> str:
    """Return the sum over cores: needed, free on each node, and who holds the rest."""
    width = width_of(demand)
    word = "whole core" if width > 1 else "free core"
    of = f" of {width} threads" if width > 1 else ""
    together = any(group.bound for group in demand.groups)
    cache = "in one L3" if any(group.one_cache for group in demand.groups) else ""
    needs = [-(-len(group.dedicated) // width) for group in demand.groups]
    if demand.prefers and width == 1:
        word = "CPU"
    if len(needs) > 1 and together:
        each = f", each {cache}" if cache else ""
        need = (
            f"needs {', '.join(map(str, needs))} {word}s{of} on {len(needs)} different nodes{each}"
        )
    else:
        extra = f" and {demand.extra} for isolated threads" if demand.extra else ""
        where = f" {cache}" if cache else " on one node" if together else ""
        need = f"needs {many(sum(needs), word)}{of}{where}{extra}"
    free, caches = _free(demand, now, width, cpus=word == "CPU")
    each = _on_nodes({node: str(count) for node, count in free.items()})
    held = _held(demand, now)
    pin = demand.vm.pin
    parts = [need, f"{each} free" if each else no_candidates(pin, now.host)]
    parts += [_largest(caches) if cache and each else "", not_online(pin, now.host), held]
    return "; ".join(filter(None, parts))


def _largest(caches: Mapping[tuple[int | None, int], int]) -> str:
    """Return which level 3 caches have the most free: `one L3 has at most 8: L3 2 (node 1)`."""
    if not caches:
        return "no L3 is known of these cores"
    most = max(caches.values())
    names = [f"L3 {cache} ({_node(node)})" for (node, cache), n in caches.items() if n == most]
    return f"one L3 has at most {most}: {some(names, _NAMED)}"


def _on_nodes(amounts: Mapping[int | None, str]) -> str:
    """Return `node 0 has 4, node 1 has 5`; many nodes with as much each are named together."""
    often = Counter(amounts.values())
    together: dict[tuple[str, int | None], list[int | None]] = {}
    for node, amount in amounts.items():
        alone = node is None or often[amount] < _ALIKE
        together.setdefault((amount, node if alone else -1), []).append(node)
    return ", ".join(
        f"{nodes(CpuSet(n for n in who if n is not None))} have {amount} each"
        if len(who) > 1
        else f"{_node(who[0])} has {amount}"
        for (amount, _), who in together.items()
    )


def _node(node: int | None) -> str:
    return "no node" if node is None else f"node {node}"


def _free(
    demand: Demand, now: Situation, width: int, *, cpus: bool
) -> tuple[dict[int | None, int], dict[tuple[int | None, int], int]]:
    """Return the cores (or CPUs) that the demand could still take: of each node, of each L3."""
    taken = union([cpus for name, cpus in now.holders.items() if name != demand.vm.name]).mask
    wanted = demand.cpus.mask
    sharing = now.host.policy.core_sharing == "allow" and demand.prefers
    found: Counter[int | None] = Counter()
    caches: Counter[tuple[int | None, int]] = Counter()

    def worth(free: int) -> int:
        return 0 if free < width else free if cpus else 1

    for group in now.host.alike:
        mask = group.cpus.mask
        if not mask & wanted:
            continue
        total = 0
        if not mask & (taken | ~wanted):
            total = len(group.cores) * worth(group.threads)
        elif mask & wanted & ~taken:
            each = [now.host.cores[n].cpus for n in group.cores]
            total = sum([worth(_open(core, wanted, taken, sharing=sharing)) for core in each])
        found[group.node] += total
        if group.l3 is not None:
            caches[group.node, group.l3] += total
    return dict(found), dict(caches)


def _open(core: Sequence[int], wanted: int, taken: int, *, sharing: bool) -> int:
    """Return how many CPUs of a core a demand could take."""
    if not sharing and any(taken >> cpu & 1 for cpu in core):
        return 0
    return sum([wanted >> cpu & ~(taken >> cpu) & 1 for cpu in core])


def _held(demand: Demand, now: Situation) -> str:
    """Return who holds candidate cores: `4 cores are held by db-01, 2 by web`."""
    parts: list[str] = []
    for name, cpus in sorted(now.holders.items()):
        count = _shared_cores(now.host, cpus.mask, demand.cpus.mask)
        if count and name != demand.vm.name:
            verb = "" if parts else (" core is held" if count == 1 else " cores are held")
            parts.append(f"{count}{verb} by {name}")
    return ", ".join(parts)


def _shared_cores(host: Host, some: int, others: int) -> int:
    """Return how many cores have CPUs of both of two masks."""
    return sum([bool(core & others) for core in core_masks(some, host)])
