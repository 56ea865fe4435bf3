"""Brute force's answer as a HostPlan, so that the judge can read it."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet, union
from kvmc.planner.model import CellPlan, HostPlan, IothreadPin, Unplaced, VcpuPin, VmPlan
from kvmc.spec.model import Topology
from tests.property.memory import elsewhere, items_of
from tests.property.price import nodes_used, split
from tests.property.seats import SEATED, count_allows, dedicated, parts, shared_set, width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.host.model import Host
    from kvmc.spec.model import ThreadPlace, Vm
    from tests.property.brute import Best
    from tests.property.seats import Seating


def as_plan(best: Best, vms: Sequence[Vm], host: Host) -> HostPlan:
    """Fill in everything around the dedicated CPUs as docs/planner.md says."""
    loose = _given_up(best.seatings, host)
    return HostPlan(
        host=host,
        vms=tuple(_vm_plan(s, host, loose=s.vm.name in loose) for s in best.seatings),
        unplaced=tuple(
            Unplaced(name=vm.name, reason="brute force found no place", proven=True)
            for vm in sorted(vms, key=lambda vm: vm.name)
            if vm.name in best.left_out
        ),
    )


def _given_up(seatings: Sequence[Seating], host: Host) -> set[str]:
    """The smallest set of VMs without cells whose memory has to come from elsewhere."""
    items = [item for s in seatings for item in items_of(s, host)]
    names = sorted({i.owner for i in items if not i.bound})
    for count in range(len(names) + 1):
        for lost in combinations(names, count):
            kept = [i for i in items if i.owner not in lost]
            if elsewhere(kept, host) == 0:
                return set(lost)
    return set(names)


def _vm_plan(s: Seating, host: Host, *, loose: bool) -> VmPlan:
    vm = s.vm
    nodes = CpuSet(nodes_used(s, host)) if not vm.numa.cells else EMPTY
    pins = tuple(_pin(s, vcpu, host) for vcpu in range(vm.cpu.max))
    own = _own(vm, pins)
    extras = iter(s.extras[-_isolated(vm) :] if _isolated(vm) else ())
    emulator = _thread(vm, vm.pin.emulator, own, host, extras)
    return VmPlan(
        name=vm.name,
        strategy=vm.pin.strategy,
        threads=vm.pin.threads if dedicated(vm) else None,
        topology=_topology(s, host),
        vcpus=pins,
        emulator=emulator,
        iothreads=tuple(
            IothreadPin(id=n + 1, cpus=_thread(vm, vm.pin.iothreads, own, host, extras))
            for n in range(vm.iothreads)
        ),
        cells=tuple(
            CellPlan(
                id=cell.id,
                vcpus=cell.cpus,
                memory_kib=cell.memory_kib,
                host_node=_node(s, cell.id, host),
            )
            for cell in vm.numa.cells
        ),
        memory_nodes=nodes or None,
        memory_mode=("preferred" if loose else vm.numa.mode) if nodes else None,
    )


def _isolated(vm: Vm) -> int:
    return (vm.pin.emulator == "isolate") + (vm.pin.iothreads == "isolate") * vm.iothreads


def _node(s: Seating, cell: int, host: Host) -> int | None:
    if s.vm.pin.strategy not in SEATED:
        return None
    if s.nodes.get(cell) is not None:
        return s.nodes[cell]
    homes = (host.core_of[c].node for v, c in s.vcpus.items() if s.vm.cell_of(v) == cell)
    return min((node for node in homes if node is not None), default=None)


def _pin(s: Seating, vcpu: int, host: Host) -> VcpuPin:
    vm, cell = s.vm, s.vm.cell_of(vcpu)
    cpus: CpuSet | None = CpuSet(shared_set(host))
    if vm.pin.strategy == "none":
        cpus = None
    elif vm.pin.strategy == "manual":
        cpus = dict(vm.pin.map)[vcpu]
    elif vcpu in s.vcpus:
        cpus = CpuSet([s.vcpus[vcpu]])
    elif cell is not None and s.nodes.get(cell) is not None:
        cpus = CpuSet(shared_set(host)) & host.node_cpus[s.nodes[cell] or 0]
    boot = vcpu < vm.cpu.count
    return VcpuPin(id=vcpu, cpus=cpus, dedicated=vcpu in s.vcpus, boot=boot, cell=cell)


def _own(vm: Vm, pins: tuple[VcpuPin, ...]) -> CpuSet:
    every = union(pin.cpus or EMPTY for pin in pins)
    return union(pin.cpus or EMPTY for pin in pins if pin.id not in vm.realtime) or every


def _thread(
    vm: Vm, wish: ThreadPlace, own: CpuSet, host: Host, extras: Iterator[int]
) -> CpuSet | None:
    if vm.pin.strategy == "none":
        return None
    if isinstance(wish, CpuSet):
        return wish
    if wish == "isolate":
        return CpuSet([next(extras)])
    return own if wish == "own" else CpuSet(shared_set(host))


def _topology(s: Seating, host: Host) -> Topology:
    vm = s.vm
    if vm.cpu.topology is not None:
        return vm.cpu.topology
    if not dedicated(vm) or vm.pin.strategy == "manual":
        return Topology(cores=vm.cpu.max)
    runs = sorted((min(part), max(part), len(part)) for part in parts(vm))
    size = runs[0][2]
    equal = all(lo == n * size and hi == lo + size - 1 for n, (lo, hi, _) in enumerate(runs))
    sockets = len(vm.numa.cells) if vm.numa.cells and equal else 1
    together = vm.pin.threads != "isolate" and count_allows(vm, host) and not split(s, host)
    threads = width(vm, host) if together else 1
    if vm.cpu.max % (sockets * threads):
        threads = 1
    return Topology(sockets=sockets, cores=vm.cpu.max // sockets // threads, threads=threads)
