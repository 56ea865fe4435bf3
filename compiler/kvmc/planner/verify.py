"""The independent checker: reads a finished plan against the rules, and runs on every plan.

It shares nothing with the search: it looks at CPUs in pins, not at classes or counts. What is whose
is read off the pins once (`holders`); then each function is one rule of docs/planner.md and yields
a sentence for each breach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet, union
from kvmc.planner.holders import holder_of, on_cores, owners, pinned
from kvmc.planner.once import once

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.holders import Holder
    from kvmc.planner.model import VmPlan
    from kvmc.spec.model import Vm


def breaches(host: Host, vms: Sequence[tuple[Vm, VmPlan]]) -> tuple[str, ...]:
    """Return every breach of the rules of contract section 4; () for a sound plan."""
    holders = [holder_of(host, vm, plan) for vm, plan in vms if vm.pin.strategy != "none"]
    return tuple([text for rule in RULES for text in rule(host, holders)])


def every_vcpu_is_pinned(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Pins cover every vCPU from 0 to max-1, with online CPUs; a dedicated pin is one CPU."""
    for one in holders:
        vm, pins = one.vm, one.plan.vcpus
        vcpus = one.dedicated if one.single else tuple([pin.id for pin in pins])
        if vcpus != tuple(range(vm.cpu.max)):
            yield f"{vm.name}: pins do not cover vCPUs 0 to {vm.cpu.max - 1}"
        if one.single:
            continue  # one online CPU each
        for pin in pins:
            cpus = 0 if pin.cpus is None else len(pin.cpus)
            if cpus != 1 if pin.dedicated else not cpus:
                yield f"{vm.name}: vCPU {pin.id} has the pin {pin.cpus!r}"
        if not pinned(one) <= host.online:
            yield f"{vm.name}: pinned to CPUs {pinned(one) - host.online}, which are not online"


def every_dedicated_vcpu_is_dedicated(_host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Hold the dedicated vCPUs, and the isolated threads, to what the spec asks."""
    for one in holders:
        vm = one.vm
        every = vm.pin.strategy == "dedicated"
        wanted = tuple(range(vm.cpu.max) if every else vm.dedicated)
        if vm.pin.strategy != "manual" and one.dedicated != wanted:
            yield f"{vm.name}: the dedicated vCPUs are not {vm.dedicated}"
        for thread, cpus in one.threads:
            if cpus is None or len(cpus) != 1:
                yield f"{vm.name}: the isolated {thread} has no CPU of its own"


def no_cpu_is_dedicated_twice(_host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 1: a host CPU is dedicated to at most one vCPU or isolated thread."""
    if len(set().union(*[one.own for one in holders])) == sum([one.owners for one in holders]):
        return  # as many CPUs as there are owners
    owner: dict[int, str] = {}
    for one in holders:
        for who, cpu in owners(one):
            if cpu in owner:
                yield f"CPU {cpu} is dedicated to {owner[cpu]} and to {who}"
            owner[cpu] = who


def only_usable_cpus_are_dedicated(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Never reserved, shared, pooled or offline CPUs, nor outside pin.cpus or pin.kind."""
    usable, planned = _usable(host)
    of_kind = {
        kind: {cpu for core in host.cores if core.kind == kind for cpu in core.cpus}
        for kind in {one.vm.pin.kind for one in holders} - {None}
    }
    for one in holders:
        pin = one.vm.pin
        mine = usable
        if pin.strategy != "manual":
            mine = planned if pin.cpus is None else planned.intersection(pin.cpus)
            mine = mine if pin.kind is None else mine & of_kind[pin.kind]
        if not one.own <= mine:
            for who, cpu in owners(one):
                if cpu not in mine:
                    yield f"{who} has CPU {cpu}, which it may not have for itself"


def no_hyperthread_conflict(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 2: the cores of a VM's dedicated CPUs hold nobody else, nor the shared set.

    Under core_sharing: allow two VMs whose thread policy is `prefer` may share a core, where none
    of them has isolated threads (rule 3).
    """
    with_shared = _with_shared(host)
    taken = set().union(*[one.cores for one in holders])
    if len(taken) == sum([len(one.cores) for one in holders]) and taken.isdisjoint(with_shared):
        return  # as many cores as there are tenants
    on_core: dict[int, list[Holder]] = {}
    for one in holders:
        for core in one.cores:
            on_core.setdefault(core, []).append(one)
    for core, here in on_core.items():
        if len(here) > 1:
            bend = all(t.vm.pin.threads == "prefer" and core not in t.with_threads for t in here)
            if host.policy.core_sharing != "allow" or not bend:
                yield f"{_names(here)} share the core of CPU {core}"
        if core in with_shared:
            yield f"{_names(here)} share the core of CPU {core} with the shared set"


def _cores(host: Host, cpus: CpuSet) -> set[int]:
    """Return the cores that some CPUs are on, each by its lowest CPU."""
    return {host.core_of[cpu].cpus[0] for cpu in cpus & host.online}


@once
def _with_shared(host: Host) -> set[int]:
    """Return the cores that have a shared CPU."""
    return _cores(host, host.policy.shared)


@once
def _node_of(host: Host) -> dict[int | None, int | None]:
    """Return online CPU -> its node; None where that is not known."""
    return {cpu: core.node for cpu, core in host.core_of.items()}


@once
def _dirty(host: Host) -> set[int]:
    """Return the cores that have a reserved or pooled CPU."""
    return _cores(host, host.policy.reserved | host.policy.pooled)


@once
def _usable(host: Host) -> tuple[frozenset[int], frozenset[int]]:
    """Return the CPUs that may be dedicated at all, and those that policy leaves for planning."""
    policy = host.policy
    usable = host.online - (policy.reserved | policy.shared | policy.pooled)
    planned = usable if policy.dedicated is None else usable & policy.dedicated
    return frozenset(usable), frozenset(planned)


def _names(holders: Sequence[Holder]) -> str:
    return " and ".join(sorted(one.vm.name for one in holders))


def claimed_cores_are_left_alone(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 9: no other VM has a dedicated CPU on a core that a VM's explicit lists float on.

    Cores that carry the shared set are everybody's to float on, and nobody's own (rule 2).
    """
    claimed: dict[int, list[Holder]] = {}
    for one in holders:
        pin = one.vm.pin
        lists = [place for place in (pin.emulator, pin.iothreads) if type(place) is CpuSet]
        if pin.strategy == "manual":
            lists += [p.cpus for p in one.plan.vcpus if p.cpus and not p.dedicated]
        if lists:
            for core in _cores(host, union(lists)) - _with_shared(host):
                claimed.setdefault(core, []).append(one)
    for one in holders if claimed else ():
        for core in one.cores:
            others = [other for other in claimed.get(core, ()) if other is not one]
            if others:
                yield f"{one.vm.name} is on the core of CPU {core}, claimed by {_names(others)}"


def thread_policy_holds(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 3: `require` puts guest cores on siblings, `isolate` one vCPU on an empty core."""
    dirty = _dirty(host)
    for one in holders:
        name, policy = one.vm.name, one.vm.pin.threads
        if policy == "prefer" or one.vm.pin.strategy == "manual":
            continue
        width = one.plan.topology.threads
        if _is_whole(one, width) if policy == "require" else _is_alone(one, dirty):
            continue
        for core, vcpus in on_cores(one).items():
            if core in one.with_threads:
                yield f"{name}: vCPUs {vcpus} are with isolated threads on the core of CPU {core}"
            if policy == "isolate" and len(vcpus) > 1:
                yield f"{name}: vCPUs {vcpus} share the core of CPU {core} under isolate"
            if policy == "isolate" and core in dirty:
                yield f"{name}: the siblings on the core of CPU {core} are not empty under isolate"
            if policy == "require":
                first = vcpus[0] // width * width
                if vcpus != list(range(first, first + width)) or width == 1:
                    yield f"{name}: the core of CPU {core} holds vCPUs {vcpus}, no guest core"


def _is_whole(one: Holder, width: int) -> bool:
    """Whether each run of so many vCPUs, all dedicated, has a core that nobody else is on."""
    homes = one.homes
    if not one.single or one.threads or width < 2 or len(one.cores) * width != len(homes):  # noqa: PLR2004 (SMT begins at two)
        return False
    first = homes[::width]
    return [homes[thread::width] for thread in range(1, width)] == [first] * (width - 1)


def _is_alone(one: Holder, dirty: set[int]) -> bool:
    """Whether each vCPU, all dedicated, has a core without others that is not used already."""
    if not one.single or one.threads:
        return False
    return len(one.cores) == len(one.homes) and one.cores.isdisjoint(dirty)


def cells_lie_on_nodes(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 4: strict cells lie each within one node of their own, and their vCPUs there."""
    for one in holders:
        vm = one.vm
        if not vm.numa.cells or vm.pin.strategy == "manual" or vm.numa.mode != "strict":
            continue
        nodes = [cell.host_node for cell in one.plan.cells]
        if None in nodes or len(set(nodes)) != len(nodes):
            yield f"{vm.name}: the cells are on nodes {nodes}"
        # A cell without a node is a breach already.
        far = [0 if n is None else ~host.node_cpus.get(n, EMPTY).mask for n in nodes]
        for pin in one.plan.vcpus:
            if pin.cpus and pin.cell is not None and pin.cpus.mask & far[pin.cell]:
                yield f"{vm.name}: vCPU {pin.id} is not on node {nodes[pin.cell]} of its cell"


def the_vm_lies_on_a_node(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 5: without cells, numa: require keeps all vCPUs of a VM within one node."""
    for one in holders:
        pin = one.vm.pin
        if pin.numa != "require" or one.vm.numa.cells or pin.strategy == "manual":
            continue
        cpus = set(one.homes) if one.single else pinned(one) & host.online
        used = set(map(_node_of(host).get, cpus))
        if len(used) != 1:
            yield f"{one.vm.name}: numa: require, but it is on nodes {sorted(map(str, used))}"


def caches_hold_cells(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 6: l3: require keeps each cell (or the VM) within one known level 3 cache."""
    for one in holders:
        if one.vm.pin.l3 != "require" or one.vm.pin.strategy == "manual":
            continue
        cell_of = {pin.id: pin.cell for pin in one.plan.vcpus}
        caches: dict[int | None, set[int | None]] = {}
        for core, vcpus in on_cores(one).items():
            for vcpu in vcpus:
                caches.setdefault(cell_of[vcpu], set()).add(host.core_of[core].l3)
        if any(len(used) > 1 or None in used for used in caches.values()):
            yield f"{one.vm.name}: l3: require, but a cell is spread over caches"


def memory_fits(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rules 4 and 5: memory that a rule binds to a node fits it, huge pages by their size."""
    wanted: dict[tuple[int, int | None], int] = {}
    for one in holders:
        for where, kib, page in _bound_memory(one):
            wanted[where, page] = wanted.get((where, page), 0) + kib
    has = {node.id: node for node in host.nodes} if wanted else {}
    found = []
    for (where, page), kib in wanted.items():
        node, pools = has[where], dict(has[where].hugepages)
        if page is not None:
            left = pools.get(page, 0) * page
        elif node.memory_kib is not None:
            left = max(node.memory_kib - sum([size * count for size, count in pools.items()]), 0)
        else:
            continue  # unknown memory is not checked
        if kib > left:
            kind = "" if page is None else f" of {page} KiB pages"
            found.append(f"node {where} has {left} KiB{kind} for {kib} KiB")
    yield from sorted(found)


def _bound_memory(one: Holder) -> list[tuple[int, int, int | None]]:
    """Return (node, KiB, page size) of the memory that a rule binds."""
    vm, plan = one.vm, one.plan
    if vm.pin.strategy == "manual":
        return []
    if not vm.numa.cells:
        if vm.pin.numa != "require" or plan.memory_nodes is None or not plan.memory_nodes.mask:
            return []
        return [(plan.memory_nodes.first, vm.memory_kib, vm.memory_backing.hugepages_kib)]
    if vm.numa.mode != "strict":
        return []
    return [
        (cell.host_node, cell.memory_kib, asked.hugepages_kib)
        for cell, asked in zip(plan.cells, vm.numa.cells, strict=True)
        if cell.host_node is not None
    ]


def overcommit_holds(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 8: shared vCPUs number at most overcommit times the CPUs that they float on.

    That holds for the shared set, and for the part of it on a node that cells are bound to.
    """
    shared = host.policy.shared & host.online
    floating: dict[CpuSet, int] = {shared: 0}
    for one in holders:
        if one.vm.pin.strategy not in ("shared", "mixed"):
            continue
        for pin in one.plan.vcpus:
            if pin.dedicated or not pin.cpus:
                continue
            floating[pin.cpus] = floating.get(pin.cpus, 0) + 1
            if not pin.cpus <= shared:
                yield f"{one.vm.name}: vCPU {pin.id} floats outside of the shared set"
    for cpus in floating:
        count = sum(here for part, here in floating.items() if part <= cpus)
        if count > host.policy.overcommit * len(cpus):
            yield f"{count} shared vCPUs on {len(cpus)} shared CPUs ({cpus})"


RULES = (
    every_vcpu_is_pinned,
    every_dedicated_vcpu_is_dedicated,
    no_cpu_is_dedicated_twice,
    only_usable_cpus_are_dedicated,
    no_hyperthread_conflict,
    claimed_cores_are_left_alone,
    thread_policy_holds,
    cells_lie_on_nodes,
    the_vm_lies_on_a_node,
    caches_hold_cells,
    memory_fits,
    overcommit_holds,
)
"""Every rule, one function each."""
