"""Changes of a host with which a refused VM would fit: huge pages, shared CPUs, overcommit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.cpuset import EMPTY, CpuSet, union
from kvmc.units import format_kib
from kvmc.words import many

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.host.model import Host
    from kvmc.planner.demand import Demand
    from kvmc.planner.problem import State
    from kvmc.planner.refusals.counting import Beside

Remedy = tuple[str, "Beside"]
"""(words, the host so changed)."""

_HIGHEST = 16
"""No more shared vCPUs a CPU are advised: as many as Nova's cpu_allocation_ratio once had."""


def remedies(demand: Demand, beside: Beside) -> Iterator[Iterator[Remedy]]:
    """Yield, for each kind of thing that the host has too little of, changes: smallest first.

    Whether the VM fits then is not looked at. All others stay where they are.
    """
    yield _more_pages(demand, beside)
    wanted = sum(group.floats for group in demand.groups)
    floats = max([group.floats for group in demand.groups if group.bound], default=0)
    if wanted > beside.state.all_floats or floats > max(beside.state.floats.values(), default=0):
        yield _overcommit(wanted, floats, beside)
        yield _shared(wanted, beside)


def _more_pages(demand: Demand, beside: Beside) -> Iterator[Remedy]:
    """Yield the fewest pages that one node could get out of its memory, for one size of pages."""
    wanted: Counter[int] = Counter()
    for group in demand.groups:
        if group.page_kib is not None:
            wanted[group.page_kib] += group.memory_kib // group.page_kib
    if len(wanted) != 1:
        return
    ((size, total),) = wanted.items()
    state = beside.state
    least = max(0, total - state.pool.get(size, 0))
    bound = [group.memory_kib // size for group in demand.groups if group.bound and group.page_kib]
    found = {(least, node.id) for node in beside.host.nodes if least}
    for node in beside.host.nodes:
        has = state.pages.get((node.id, size), 0)
        found |= {(count - has, node.id) for count in bound if count - has > least}
    for count, number in sorted(found):
        if state.memory.get(number, count * size) >= count * size:
            words = f"{many(count, 'more page')} of {format_kib(size)} on node {number}"
            yield words, replace(beside, state=_with_pages(state, count, size, number))


def _with_pages(state: State, count: int, size: int, node: int) -> State:
    """Return the state with so many more pages on a node, made of its normal memory."""
    here = (node, size)
    memory = dict(state.memory)
    if node in memory:
        memory[node] -= count * size
    return replace(
        state,
        memory=memory,
        pool={**state.pool, size: state.pool.get(size, 0) + count},
        pages={**state.pages, here: state.pages.get(here, 0) + count},
    )


def _overcommit(wanted: int, bound: int, beside: Beside) -> Iterator[Remedy]:
    """Yield the least overcommit for what floats, with the most of one group on some node."""
    host, state = beside.host, beside.state
    shared = host.policy.shared & host.online
    if not shared:
        return
    policy = host.policy
    least = _ratio(policy.carries(len(shared)) - state.all_floats + wanted, len(shared))
    ratios = {least}
    for node, cpus in host.node_cpus.items():
        count = len(cpus & shared)
        if count and bound:
            used = policy.carries(count) - state.floats.get(node, 0)
            ratios.add(max(least, _ratio(used + bound, count)))
    for other in sorted(ratios):
        if policy.overcommit < other <= _HIGHEST:
            changed = replace(host, policy=replace(policy, overcommit=other))
            yield f"`policy.overcommit: {other:g}` on {host.name}", _with(changed, beside)


def _ratio(vcpus: int, cpus: int) -> float:
    """Return the least ratio of two decimals with which CPUs carry so many vCPUs."""
    return -(-100 * vcpus // cpus) / 100


def _shared(wanted: int, beside: Beside) -> Iterator[Remedy]:
    """Yield a shared set that has the first free cores too, of one node or of any."""
    host = beside.host
    policy = host.policy
    online, free = host.online, _free(beside)
    missing = wanted - beside.state.all_floats + policy.carries(len(policy.shared & online))
    for cpus in [*(free & node for node in host.node_cpus.values()), free]:
        shared = policy.shared
        for core in host.cores:
            if policy.carries(len(shared & online)) < missing and core.cpus[0] in cpus:
                shared |= CpuSet(core.cpus)
        if shared != policy.shared:
            changed = replace(host, policy=replace(policy, shared=shared))
            yield f"`policy.shared: {shared}` on {host.name}", _with(changed, beside)


def _free(beside: Beside) -> CpuSet:
    """Return the whole cores that policy gives no other use, and nobody has."""
    host, policy = beside.host, beside.host.policy
    used = union([claim.dedicated | claim.floating for claim in beside.claims])
    used |= policy.reserved | policy.shared | policy.pooled | host.isolated
    used |= policy.dedicated or EMPTY
    return union([cpus for core in host.cores if not (cpus := CpuSet(core.cpus)) & used])


def _with(host: Host, beside: Beside) -> Beside:
    """Return the other host, with what it carries more of shared vCPUs."""
    state = beside.state

    def more(cpus: CpuSet) -> int:
        old, new = beside.host.policy, host.policy
        return new.carries(len(new.shared & cpus)) - old.carries(len(old.shared & cpus))

    floats = {n: state.floats.get(n, 0) + more(cpus) for n, cpus in host.node_cpus.items()}
    left = replace(state, floats=floats, all_floats=state.all_floats + more(host.online))
    return replace(beside, host=host, state=left, barred={})
