"""Counting: why a VM does not fit, in the host's own numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvmc.cpuset import union
from kvmc.planner.counting import width_of
from kvmc.units import format_kib

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmc.cpuset import CpuSet
    from kvmc.host.model import Host
    from kvmc.planner.demand import Demand, Group
    from kvmc.planner.problem import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is left on a host when a VM found no place."""

    host: Host
    state: State
    holders: Mapping[str, CpuSet]
    """VM -> the CPUs dedicated to it or claimed by it."""


def reason(demand: Demand, now: Situation) -> str:
    """Return one sentence with the arithmetic of why a demand found no place."""
    if demand.obstacle:
        return demand.obstacle
    parts = [text for text in (_floats(demand, now), _memory(demand, now)) if text]
    if demand.threads_needed and not parts:
        parts.append(_cores(demand, now))
    return "; ".join(parts) or "no node has the memory, the pages and the shared CPUs together"


def many(count: int, word: str) -> str:
    """Return `1 core` or `2 cores`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _floats(demand: Demand, now: Situation) -> str:
    """Return the sum over shared vCPUs where that is what lacks."""
    wanted = sum(group.floats for group in demand.groups)
    policy = now.host.policy
    if wanted <= now.state.all_floats:
        return ""
    if not policy.shared:
        return f"needs {many(wanted, 'shared vCPU')}, and {now.host.name} has no shared set"
    online = policy.shared & now.host.online
    total = int(policy.overcommit * len(online))
    return (
        f"needs {many(wanted, 'shared vCPU')}; the shared set carries {total} "
        f"({many(len(online), 'CPU')} x {policy.overcommit:g}), "
        f"{now.state.all_floats} are left"
    )


def _memory(demand: Demand, now: Situation) -> str:
    """Return the memory of the groups that no single node can hold, with what each node has."""
    for group in demand.groups:
        size = group.page_kib
        if size is not None and now.state.pool.get(size, 0) * size < group.memory_kib:
            have = now.state.pool.get(size, 0)
            return (
                f"needs {group.memory_kib // size} pages of {format_kib(size)}, "
                f"{now.host.name} has {have} left"
            )
        left = _left(group, now)
        if group.bound and left and max(left.values()) < group.memory_kib:
            each = ", ".join(f"node {n} has {format_kib(kib)}" for n, kib in left.items())
            kind = f" of {format_kib(size)} pages" if size else ""
            return f"needs {format_kib(group.memory_kib)}{kind} on one node; {each} left"
    return ""


def _left(group: Group, now: Situation) -> dict[int, int]:
    """Return node -> KiB left of the memory a group asks for, for nodes where it is known."""
    if group.page_kib is None:
        return dict(now.state.memory)
    size = group.page_kib
    return {n.id: now.state.pages.get((n.id, size), 0) * size for n in now.host.nodes}


def _cores(demand: Demand, now: Situation) -> str:
    """Return the sum over cores: needed, free on each node, and who holds the rest."""
    width = width_of(demand)
    word = "whole core" if width > 1 else "free core"
    of = f" of {width} threads" if width > 1 else ""
    together = any(group.bound for group in demand.groups)
    needs = [-(-len(group.dedicated) // width) for group in demand.groups]
    if demand.prefers and width == 1:
        word = "CPU"
    if len(needs) > 1 and together:
        need = f"needs {', '.join(map(str, needs))} {word}s{of} on {len(needs)} different nodes"
    else:
        extra = f" and {demand.extra} for isolated threads" if demand.extra else ""
        need = f"needs {many(sum(needs), word)}{of}{' on one node' if together else ''}{extra}"
    free = _free(demand, now, width, cpus=word == "CPU")
    each = ", ".join(f"{_node(n)} has {count}" for n, count in free.items())
    held = _held(demand, now)
    return f"{need}; {each or 'no candidate is left'} free" + (f"; {held}" if held else "")


def _node(node: int | None) -> str:
    return "no node" if node is None else f"node {node}"


def _free(demand: Demand, now: Situation, width: int, *, cpus: bool) -> dict[int | None, int]:
    """Return node -> the cores (or CPUs) that the demand could still take."""
    taken = union([cpus for name, cpus in now.holders.items() if name != demand.vm.name]).mask
    wanted = demand.cpus.mask
    sharing = now.host.policy.core_sharing == "allow" and demand.prefers
    found: dict[int | None, int] = {}
    for core in now.host.cores:
        usable = [cpu for cpu in core.cpus if wanted >> cpu & 1]
        if usable:
            found.setdefault(core.node, 0)
        if not sharing and any(taken >> cpu & 1 for cpu in core.cpus):
            continue
        left = sum([not taken >> cpu & 1 for cpu in usable])
        if left >= width:
            found[core.node] += left if cpus else 1
    return found


def _held(demand: Demand, now: Situation) -> str:
    """Return who holds candidate cores: `4 cores are held by db-01, 2 by web`."""
    wanted = demand.cpus.mask
    core_of = {
        cpu: number
        for number, core in enumerate(now.host.cores)
        if any(wanted >> cpu & 1 for cpu in core.cpus)
        for cpu in core.cpus
    }
    parts: list[str] = []
    for name, cpus in sorted(now.holders.items()):
        count = len({core_of[cpu] for cpu in cpus if cpu in core_of})
        if count and name != demand.vm.name:
            verb = "" if parts else (" core is held" if count == 1 else " cores are held")
            parts.append(f"{count}{verb} by {name}")
    return ", ".join(parts)
