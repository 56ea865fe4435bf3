"""The independent checker: reads a finished plan against the rules, and runs on every plan.

It shares nothing with the search: it looks at CPUs in pins, not at classes or counts. Each function
is one rule of docs/planner.md and yields a sentence for each breach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.host.model import Core, Host
    from kvmc.planner.model import VmPlan
    from kvmc.spec.model import Vm

Placed = tuple["Vm", "VmPlan"]


def breaches(host: Host, vms: Sequence[Placed]) -> tuple[str, ...]:
    """Return every breach of the rules of contract section 4; () for a sound plan."""
    pinned = [(vm, plan) for vm, plan in vms if vm.pin.strategy != "none"]
    return tuple(text for rule in RULES for text in rule(host, pinned))


def _own(vm: Vm, plan: VmPlan) -> list[tuple[str, int]]:
    """Return (whose, CPU) of everything that has a CPU of its own in a VM."""
    own = [(f"{vm.name} vCPU {p.id}", p.cpus.first) for p in plan.vcpus if p.dedicated and p.cpus]
    if vm.pin.emulator == "isolate" and plan.emulator:
        own.append((f"{vm.name} emulator", plan.emulator.first))
    if vm.pin.iothreads == "isolate":
        own += [(f"{vm.name} iothread {t.id}", t.cpus.first) for t in plan.iothreads if t.cpus]
    return own


def every_vcpu_is_pinned(host: Host, vms: Sequence[Placed]) -> Iterator[str]:
    """Rule 6: pins cover every vCPU from 0 to max-1; a dedicated pin is one CPU."""
    for vm, plan in vms:
        if [p.id for p in plan.vcpus] != list(range(vm.cpu.max)):
            yield f"{vm.name}: pins do not cover vCPUs 0 to {vm.cpu.max - 1}"
        for pin in plan.vcpus:
            if pin.cpus is None or not pin.cpus or (pin.dedicated and len(pin.cpus) != 1):
                yield f"{vm.name}: vCPU {pin.id} has the pin {pin.cpus!r}"
            elif not pin.cpus <= host.online:
                yield f"{vm.name}: vCPU {pin.id} is pinned outside of the online CPUs"


def every_dedicated_vcpu_is_dedicated(_host: Host, vms: Sequence[Placed]) -> Iterator[str]:
    """Hold the dedicated vCPUs, and the isolated threads, to what the spec asks."""
    for vm, plan in vms:
        wanted = vm.dedicated
        if (
            vm.pin.strategy != "manual"
            and CpuSet(p.id for p in plan.vcpus if p.dedicated) != wanted
        ):
            yield f"{vm.name}: the dedicated vCPUs are not {wanted}"
        isolated = [plan.emulator] if vm.pin.emulator == "isolate" else []
        isolated += [t.cpus for t in plan.iothreads] if vm.pin.iothreads == "isolate" else []
        if any(cpus is None or len(cpus) != 1 for cpus in isolated):
            yield f"{vm.name}: an isolated thread has no CPU of its own"


def no_cpu_is_dedicated_twice(_host: Host, vms: Sequence[Placed]) -> Iterator[str]:
    """Rule 1: a host CPU is dedicated to at most one vCPU or isolated thread."""
    owner: dict[int, str] = {}
    for vm, plan in vms:
        for who, cpu in _own(vm, plan):
            if cpu in owner:
                yield f"CPU {cpu} is dedicated to {owner[cpu]} and to {who}"
            owner[cpu] = who


def only_usable_cpus_are_dedicated(host: Host, vms: Sequence[Placed]) -> Iterator[str]:
    """Rule 4: never reserved, shared, pooled or offline CPUs, nor outside pin.cpus or pin.kind."""
    policy = host.policy
    barred = policy.reserved | policy.shared | policy.pooled
    for vm, plan in vms:
        by_hand = vm.pin.strategy == "manual"
        for who, cpu in _own(vm, plan):
            core = host.core_of.get(cpu)
            if core is None or cpu in barred:
                yield f"{who} has CPU {cpu}, which no guest may have for itself"
            elif by_hand:
                continue
            elif policy.dedicated is not None and cpu not in policy.dedicated:
                yield f"{who} has CPU {cpu}, which policy.dedicated leaves out"
            elif vm.pin.cpus is not None and cpu not in vm.pin.cpus:
                yield f"{who} has CPU {cpu}, which pin.cpus leaves out"
            elif vm.pin.kind is not None and core.kind != vm.pin.kind:
                yield f"{who} has CPU {cpu}, which is no {vm.pin.kind} core"


def no_hyperthread_conflict(host: Host, vms: Sequence[Placed]) -> Iterator[str]:
    """Rule 2: the cores of a VM's dedicated CPUs hold nobody else, nor the shared set.

    Under core_sharing: allow two VMs whose thread policy is `prefer` may share a core.
    """
    on_core: dict[int, dict[str, Vm]] = {}
    for vm, plan in vms:
        for _, cpu in _own(vm, plan):
            if cpu in host.core_of:
                on_core.setdefault(host.core_of[cpu].cpus[0], {})[vm.name] = vm
    for first, tenants in on_core.items():
        core = host.core_of[first]
        names = " and ".join(sorted(tenants))
        strict = [vm for vm in tenants.values() if vm.pin.threads != "prefer"]
        if len(tenants) > 1 and (strict or host.policy.core_sharing != "allow"):
            yield f"{names} share the core of CPU {core.cpus[0]}"
        if not CpuSet(core.cpus).isdisjoint(host.policy.shared):
            yield f"{names} share the core of CPU {core.cpus[0]} with the shared set"


def claimed_cores_are_left_alone(host: Host, vms: Sequence[Placed]) -> Iterator[str]:
    """No other VM has a dedicated CPU on a core that a VM's explicit lists float on."""
    claimed: dict[Core, set[str]] = {}
    for vm, plan in vms:
        listed = [p.cpus for p in plan.vcpus if vm.pin.strategy == "manual" and not p.dedicated]
        listed += [c for c in (vm.pin.emulator, vm.pin.iothreads) if isinstance(c, CpuSet)]
        for cpu in {cpu for cpus in listed if cpus for cpu in cpus}:
            if cpu in host.core_of:
                claimed.setdefault(host.core_of[cpu], set()).add(vm.name)
    for vm, plan in vms if claimed else ():
        for who, cpu in _own(vm, plan):
            core = host.core_of.get(cpu)
            others = claimed.get(core, set()) - {vm.name} if core else set()
            if others and core and CpuSet(core.cpus).isdisjoint(host.policy.shared):
                names = " and ".join(sorted(others))
                yield f"{who} has CPU {cpu} on a core that {names} claims by number"


def thread_policy_holds(host: Host, vms: Sequence[Placed]) -> Iterator[str]:
    """Rule 3: `require` puts guest cores on siblings, `isolate` one vCPU on a core."""
    for vm, plan in vms:
        if vm.pin.strategy == "manual" or vm.pin.threads == "prefer":
            continue
        width = plan.topology.threads
        homes: dict[int, list[int]] = {}
        for pin in plan.vcpus:
            if pin.dedicated and pin.cpus and pin.cpus.first in host.core_of:
                homes.setdefault(host.core_of[pin.cpus.first].cpus[0], []).append(pin.id)
        for first, vcpus in homes.items():
            yield from _core_holds(vm, first, vcpus, width)
        if vm.pin.threads == "isolate":
            yield from _siblings_stay_empty(host, vm, plan)


def _core_holds(vm: Vm, first: int, vcpus: list[int], width: int) -> Iterator[str]:
    if vm.pin.threads == "isolate" and len(vcpus) > 1:
        yield f"{vm.name}: vCPUs {vcpus} share the core of CPU {first} under isolate"
    if vm.pin.threads == "require":
        whole = sorted(range(vcpus[0] // width * width, vcpus[0] // width * width + width))
        if sorted(vcpus) != whole or width == 1:
            yield f"{vm.name}: the core of CPU {first} holds vCPUs {vcpus}, no guest core"


def _siblings_stay_empty(host: Host, vm: Vm, plan: VmPlan) -> Iterator[str]:
    occupied = host.policy.reserved | host.policy.pooled
    vcpus = CpuSet(p.cpus.first for p in plan.vcpus if p.dedicated and p.cpus)
    others = CpuSet(cpu for _, cpu in _own(vm, plan)) - vcpus
    for cpu in vcpus:
        siblings = CpuSet(host.core_of[cpu].cpus)
        if not siblings.isdisjoint(occupied | others):
            yield f"{vm.name}: the siblings of CPU {cpu} are not empty under isolate"


def cells_lie_on_nodes(host: Host, vms: Sequence[Placed]) -> Iterator[str]:
    """Rule 5: strict cells each within one node of their own, the VM too under numa: require."""
    for vm, plan in vms:
        if vm.pin.strategy == "manual" or vm.numa.mode != "strict":
            continue
        nodes = [cell.host_node for cell in plan.cells]
        if None in nodes or len(set(nodes)) != len(nodes):
            yield f"{vm.name}: the cells are on nodes {nodes}"
        for pin in plan.vcpus:
            node = None if pin.cell is None else nodes[pin.cell]
            if node is not None and pin.cpus and not pin.cpus <= host.node_cpus[node]:
                yield f"{vm.name}: vCPU {pin.id} is not on node {node} of its cell"
    for vm, plan in vms:
        if vm.pin.numa == "require" and not vm.numa.cells and vm.pin.strategy != "manual":
            cpus = [c for p in plan.vcpus if p.cpus for c in p.cpus if c in host.core_of]
            used = {host.core_of[c].node for c in cpus}
            if len(used) != 1:
                yield f"{vm.name}: numa: require, but it is on nodes {sorted(map(str, used))}"


def caches_hold_cells(host: Host, vms: Sequence[Placed]) -> Iterator[str]:
    """l3: require keeps each cell (or the VM) within one known level 3 cache."""
    for vm, plan in vms:
        if vm.pin.l3 != "require" or vm.pin.strategy == "manual":
            continue
        caches: dict[int | None, set[int | None]] = {}
        for pin in plan.vcpus:
            if pin.dedicated and pin.cpus:
                caches.setdefault(pin.cell, set()).add(host.core_of[pin.cpus.first].l3)
        if any(len(used) > 1 or None in used for used in caches.values()):
            yield f"{vm.name}: l3: require, but a cell is spread over caches"


def memory_fits(host: Host, vms: Sequence[Placed]) -> Iterator[str]:
    """Rule 5: what is bound strictly to a node fits it, huge pages of their size included."""
    normal: dict[int, int] = {}
    pages: dict[tuple[int, int], int] = {}
    for vm, plan in vms:
        strict = vm.numa.mode == "strict" and vm.pin.strategy not in ("none", "manual")
        for cell, asked in zip(plan.cells, vm.numa.cells, strict=True):
            if not strict or cell.host_node is None:
                continue
            if asked.hugepages_kib is None:
                normal[cell.host_node] = normal.get(cell.host_node, 0) + cell.memory_kib
            else:
                key = (cell.host_node, asked.hugepages_kib)
                pages[key] = pages.get(key, 0) + cell.memory_kib
    for node in host.nodes:
        pools = dict(node.hugepages)
        for (where, size), wanted in pages.items():
            if where == node.id and wanted > pools.get(size, 0) * size:
                yield f"node {node.id} has not the pages of {size} KiB for {wanted} KiB"
        if node.memory_kib is not None:
            left = node.memory_kib - sum(size * count for size, count in node.hugepages)
            wanted = normal.get(node.id, 0)
            if wanted > max(left, 0):
                yield f"node {node.id} has {left} KiB for {wanted} KiB"


def overcommit_holds(host: Host, vms: Sequence[Placed]) -> Iterator[str]:
    """Shared vCPUs number at most overcommit times the shared CPUs, and float only there."""
    shared = host.policy.shared & host.online
    floating = 0
    for vm, plan in vms:
        if vm.pin.strategy == "manual":
            continue
        pins = [p for p in plan.vcpus if not p.dedicated]
        floating += len(pins)
        if any(p.cpus and not p.cpus <= shared for p in pins):
            yield f"{vm.name}: a shared vCPU floats outside of the shared set"
    if floating > host.policy.overcommit * len(shared):
        yield f"{floating} shared vCPUs on {len(shared)} shared CPUs"


RULES = (
    every_vcpu_is_pinned,
    every_dedicated_vcpu_is_dedicated,
    no_cpu_is_dedicated_twice,
    only_usable_cpus_are_dedicated,
    no_hyperthread_conflict,
    claimed_cores_are_left_alone,
    thread_policy_holds,
    cells_lie_on_nodes,
    caches_hold_cells,
    memory_fits,
    overcommit_holds,
)
"""Every rule, one function each."""
