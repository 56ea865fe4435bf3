"""What a host has left for one VM beside all others, counted: the most it could get.

The counts are bounds from above: what exceeds them fits nowhere, and no search has to be asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from kvmc.cpuset import union
from kvmc.planner.candidates import dedicable
from kvmc.planner.claims import cores_of
from kvmc.planner.demand import isolated_threads
from kvmc.planner.matching import apart

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.claims import Claim
    from kvmc.planner.demand import Demand, Group
    from kvmc.planner.problem import State
    from kvmc.spec.model import Vm


class Beside(Struct, frozen=True, kw_only=True):
    """A host with what all other VMs have of it."""

    host: Host
    claims: tuple[Claim, ...]
    state: State
    """Memory, pages and shared vCPUs that are left."""
    barred: dict[tuple[str | None, bool], int] = {}
    """What was worked out once: (VM with a claim of its own, whether it joins others) -> CPUs."""

    @property
    def unclaimed(self) -> int:
        """The CPUs that policy leaves for dedicated vCPUs, and nobody has: no VM gets more."""
        taken = union([claim.dedicated for claim in self.claims])
        return len(dedicable(self.host) - taken)

    def usable(self, demand: Demand) -> int:
        """Return the CPUs that others' claims leave for a demand, as a mask."""
        joins = demand.prefers and self.host.policy.core_sharing == "allow"
        mine = next((c.name for c in self.claims if c.name == demand.vm.name), None)
        key = (mine, joins)
        if key not in self.barred:
            self.barred[key] = self._barred(mine, demand, joins=joins)
        return demand.cpus.mask & ~self.barred[key]

    def _barred(self, name: str | None, demand: Demand, *, joins: bool) -> int:
        """Return the CPUs that claims keep from a VM; its own claim lets it in beside."""
        mine = union([c.dedicated for c in self.claims if c.name == name])
        theirs = [c for c in self.claims if c.name != name]
        near = union([c.dedicated for c in theirs if joins and c.prefers])
        closed = [c.dedicated for c in theirs if not (joins and c.prefers)]
        closed += [c.floating for c in theirs]
        kept = mine if demand.prefers else cores_of(mine, self.host)
        return near.mask | cores_of(union(closed), self.host).mask | kept.mask


def too_many(vms: Sequence[Vm], host: Host) -> bool:
    """Whether VMs ask for more CPUs of their own than policy leaves on an empty host."""
    wanted = sum([len(vm.dedicated) + isolated_threads(vm) for vm in vms])
    return wanted > len(dedicable(host))


class Left(NamedTuple):
    """What is left for one VM."""

    cores: list[tuple[int | None, int | None, int]]
    """(node, level 3 cache, free threads) of each core that it may use."""
    state: State


def left_for(demand: Demand, beside: Beside) -> Left:
    """Return what others leave for a demand."""
    usable, host = beside.usable(demand), beside.host
    cores: list[tuple[int | None, int | None, int]] = []
    for group in host.alike:
        mask = group.cpus.mask
        if not mask & ~usable:
            cores += [(group.node, group.l3, group.threads)] * len(group.cores)
        elif mask & usable:
            each = [host.cores[n].cpus for n in group.cores]
            counts = [sum([usable >> cpu & 1 for cpu in cpus]) for cpus in each]
            cores += [(group.node, group.l3, free) for free in counts if free]
    return Left(cores, beside.state)


def width_of(demand: Demand) -> int:
    """Return the siblings a guest core takes in the demand's least hungry variant."""
    return 1 if demand.prefers else max((v.threads for v in demand.variants), default=1)


def most_vcpus(demand: Demand, left: Left) -> int:
    """Return the most vCPUs that a VM of one group could have, all dedicated or all shared."""
    group = demand.groups[0]
    if not _pages(demand, left.state):
        return 0
    if not group.dedicated:
        floats, held = left.state.floats, left.state.all_floats
        nodes = [n for n in floats if _memory(group, n, left.state)]
        return min(held, max([floats[n] for n in nodes], default=0)) if group.bound else held
    most = max([_carried(demand, cores) for _, cores in _places(group, left)], default=0)
    return min(most, _carried(demand, [free for _, _, free in left.cores], demand.extra))


def may_fit(demand: Demand, left: Left) -> bool:
    """Whether counting leaves it open that a demand fits."""
    state = left.state
    floats = sum([group.floats for group in demand.groups])
    if (floats and floats > state.all_floats) or not _pages(demand, state):
        return False
    wanted = sum([len(group.dedicated) for group in demand.groups])
    if wanted > _carried(demand, [free for _, _, free in left.cores], demand.extra):
        return False
    known: dict[object, list[Hashable]] = {}
    homes = []
    for group in demand.groups:
        key = (len(group.dedicated), group.floats, group.memory_kib, group.page_kib)
        if key not in known:
            known[key] = _homes(demand, group, left)
        homes.append(known[key])
    bound = [nodes for group, nodes in zip(demand.groups, homes, strict=True) if group.bound]
    return all(homes) and apart(bound)


def _homes(demand: Demand, group: Group, left: Left) -> list[Hashable]:
    """Return the nodes on which there is a place that may hold a group; one for the whole host."""
    need, nodes = len(group.dedicated), left.state.floats
    if not need:
        held = [n for n, have in nodes.items() if group.floats <= have]
        return [n for n in held if _memory(group, n, left.state)] if group.bound else [None]
    fitting = {
        node
        for node, cores in _places(group, left)
        if need <= _carried(demand, cores)
        and (not (group.bound and group.floats) or group.floats <= nodes.get(node, 0))
    }
    return sorted(fitting, key=repr)


def _places(group: Group, left: Left) -> Iterator[tuple[int, list[int]]]:
    """Yield (node, free threads of its cores) for each place within which a rule keeps a group."""
    found: dict[tuple[int | None, int | None], list[int]] = {}
    for node, cache, free in left.cores:
        if (group.one_cache and cache is None) or (group.bound and node is None):
            continue
        key = (
            node if group.bound or group.one_cache else None,
            cache if group.one_cache else None,
        )
        found.setdefault(key, []).append(free)
    for (node, _), cores in found.items():
        where = -1 if node is None else node
        if not group.bound or _memory(group, where, left.state):
            yield where, cores


def _carried(demand: Demand, cores: Sequence[int], extra: int = 0) -> int:
    """Return the vCPUs that cores carry at the most, beside so many isolated threads."""
    if demand.prefers:
        return sum(cores) - extra
    width = width_of(demand)
    apart = -(-extra // max(cores, default=1))
    return width * min(sum([free >= width for free in cores]), len(cores) - apart)


def _memory(group: Group, node: int, state: State) -> bool:
    """Whether a node has the memory that a group needs; unknown memory is not checked."""
    size, kib = group.page_kib, group.memory_kib
    if size is not None:
        return kib // size <= state.pages.get((node, size), 0)
    return kib <= state.memory.get(node, kib)


def _pages(demand: Demand, state: State) -> bool:
    """Whether the host has the huge pages at all."""
    wanted: dict[int, int] = {}
    for group in demand.groups:
        if group.page_kib is not None:
            count = group.memory_kib // group.page_kib
            wanted[group.page_kib] = wanted.get(group.page_kib, 0) + count
    return all(count <= state.pool.get(size, 0) for size, count in wanted.items())
