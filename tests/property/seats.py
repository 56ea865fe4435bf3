"""The words of docs/planner.md as functions: candidates, guest cores, seats, memory items.

Written from the page alone, for the judge and the brute force; nothing here knows the planner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.cpuset import CpuSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kvmc.host.model import Core, Host
    from kvmc.spec.model import Vm

SEATED = ("dedicated", "mixed", "shared")
"""The strategies whose cells the rules bind to nodes."""


class Seating(Struct, frozen=True, kw_only=True):
    """Who of one VM has which host CPU to himself, and where its cells are."""

    vm: Vm
    vcpus: Mapping[int, int] = {}
    """Dedicated vCPU -> host CPU."""
    extras: tuple[int, ...] = ()
    """The CPUs of emulator and I/O threads that are theirs alone."""
    nodes: Mapping[int, int | None] = {}
    """Guest cell -> host node."""

    @property
    def cpus(self) -> tuple[int, ...]:
        """All CPUs that are dedicated to the VM."""
        return (*self.vcpus.values(), *self.extras)


def shared_set(host: Host) -> frozenset[int]:
    return frozenset(host.policy.shared & host.online)


def shared_cores(host: Host) -> frozenset[int]:
    """Every CPU of a core with a shared CPU."""
    shared = set(host.policy.shared)
    return frozenset(cpu for core in host.cores if shared & {*core.cpus} for cpu in core.cpus)


def candidates(vm: Vm, host: Host) -> frozenset[int]:
    """The host CPUs a dedicated vCPU of the VM may get ("Which CPUs a dedicated vCPU may get")."""
    policy = host.policy
    mine = set(host.online)
    if policy.dedicated is not None:
        mine &= set(policy.dedicated)
    mine -= {*policy.reserved, *policy.shared, *policy.pooled}
    mine -= shared_cores(host)
    if vm.pin.cpus is not None:
        mine &= set(vm.pin.cpus)
    if vm.pin.kind is not None:
        mine &= {cpu for core in host.cores if core.kind == vm.pin.kind for cpu in core.cpus}
    if vm.pin.threads == "isolate":
        alien = {*policy.reserved, *policy.pooled}
        mine -= {cpu for core in host.cores if alien & {*core.cpus} for cpu in core.cpus}
    return frozenset(mine)


def width(vm: Vm, host: Host) -> int:
    """Threads of a guest core: the topology's, else those of the widest candidate core."""
    if vm.cpu.topology is not None:
        return vm.cpu.topology.threads
    mine = candidates(vm, host)
    return max((len(mine & {*core.cpus}) for core in host.cores), default=0) or 1


def dedicated(vm: Vm) -> frozenset[int]:
    """The vCPUs with a host CPU of their own, single pins of manual VMs included."""
    if vm.pin.strategy == "manual":
        return frozenset(vcpu for vcpu, cpus in vm.pin.map if len(cpus) == 1)
    return frozenset(vm.dedicated)


def parts(vm: Vm) -> list[frozenset[int]]:
    """The vCPUs of each cell; of the whole VM without cells."""
    if vm.numa.cells:
        return [frozenset(cell.cpus) for cell in vm.numa.cells]
    return [frozenset(range(vm.cpu.max))]


def count_allows(vm: Vm, host: Host) -> bool:
    """Whether whole guest cores fill cpu.max and hold dedicated vCPUs of one cell, or none."""
    wide = width(vm, host)
    if vm.cpu.max % wide:
        return False
    for part in parts(vm):
        own = part & dedicated(vm)
        for vcpu in own:
            first = vcpu // wide * wide
            if not own.issuperset(range(first, first + wide)):
                return False
    return True


def guest_core(vm: Vm, host: Host) -> dict[int, int]:
    """Dedicated vCPU -> its guest core, which is the vCPU itself where the count does not allow."""
    wide = width(vm, host) if vm.pin.threads != "isolate" and count_allows(vm, host) else 1
    return {vcpu: vcpu // wide for vcpu in sorted(dedicated(vm))}


def wanted_extras(vm: Vm) -> int:
    """How many CPUs the isolated emulator and I/O threads need."""
    if vm.pin.strategy == "none":
        return 0
    return (vm.pin.emulator == "isolate") + (vm.pin.iothreads == "isolate") * vm.iothreads


def floating(vm: Vm) -> frozenset[int]:
    """The CPUs of pins to several CPUs, and of explicit thread lists."""
    if vm.pin.strategy == "none":
        return frozenset()
    pins = vm.pin.map if vm.pin.strategy == "manual" else ()
    lists = [cpus for _, cpus in pins if len(cpus) > 1]
    lists += [cpus for cpus in (vm.pin.emulator,) if isinstance(cpus, CpuSet)]
    lists += [cpus for cpus in (vm.pin.iothreads,) if isinstance(cpus, CpuSet) and vm.iothreads]
    return frozenset(cpu for cpus in lists for cpu in cpus)


def refused(vms: Iterable[Vm], host: Host) -> frozenset[str]:
    """Rule 9: the VMs whose numbers cannot be used, or contradict those of an earlier name."""
    taken: list[Vm] = []
    out = set()
    for vm in sorted(vms, key=lambda vm: vm.name):
        if not _usable(vm, host) or any(_contradict(vm, other, host) for other in taken):
            out.add(vm.name)
        else:
            taken.append(vm)
    return frozenset(out)


def _singles(vm: Vm) -> list[int]:
    manual = vm.pin.strategy == "manual"
    return [cpus.first for _, cpus in vm.pin.map if manual and len(cpus) == 1]


def _usable(vm: Vm, host: Host) -> bool:
    policy = host.policy
    singles = _singles(vm)
    named = floating(vm) | {*singles}
    pinned = {cpu for _, cpus in vm.pin.map for cpu in cpus if vm.pin.strategy == "manual"}
    return (
        len(singles) == len({*singles})
        and named <= {*host.online} - {*policy.pooled}
        and not pinned & {*policy.reserved}
        and not {*singles} & shared_cores(host)
    )


def _contradict(vm: Vm, other: Vm, host: Host) -> bool:
    mine, theirs = {*_singles(vm)}, {*_singles(other)}
    if mine & (theirs | floating(other) | barred(other, host)):
        return True
    if theirs & (floating(vm) | barred(vm, host)):
        return True
    both = [{*core.cpus} for core in host.cores if {*core.cpus} & mine and {*core.cpus} & theirs]
    soft = vm.pin.threads == other.pin.threads == "prefer"
    return bool(both) and not (host.policy.core_sharing == "allow" and soft)


def barred(vm: Vm, host: Host) -> frozenset[int]:
    """Every CPU of the cores the VM floats on where no other VM may have a dedicated CPU."""
    own = floating(vm)
    touched = {cpu for core in host.cores if own & {*core.cpus} for cpu in core.cpus}
    return frozenset(touched - shared_cores(host))


def cache_of(core: Core) -> tuple[str, int | None]:
    """The level 3 cache of a core; the cores of a node without one count as one cache."""
    return ("l3", core.l3) if core.l3 is not None else ("node", core.node)
