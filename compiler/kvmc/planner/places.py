"""From seats to the plan of one VM: pins, emulator and I/O threads, memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet, single, union
from kvmc.planner.guest import threads_of_map, topology_of
from kvmc.planner.model import CellPlan, IothreadPin, VcpuPin, VmPlan
from kvmc.planner.search.assign import Seats

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kvmc.host.model import Host
    from kvmc.planner.held import Held
    from kvmc.spec.model import ThreadPlace, Vm


def unpinned(vm: Vm) -> VmPlan:
    """Return the plan of a VM with strategy none: nothing is pinned, nothing is bound."""
    return VmPlan(
        name=vm.name,
        strategy="none",
        threads=None,
        topology=topology_of(vm, None),
        vcpus=tuple(_pin(vm, v, None, dedicated=False) for v in range(vm.cpu.max)),
        emulator=None,
        iothreads=tuple(IothreadPin(id=i + 1, cpus=None) for i in range(vm.iothreads)),
        cells=tuple(
            CellPlan(id=c.id, vcpus=c.cpus, memory_kib=c.memory_kib, host_node=None)
            for c in vm.numa.cells
        ),
    )


def by_hand(vm: Vm, host: Host | None, extra: tuple[int, ...] = ()) -> VmPlan:
    """Return the plan of a `manual` VM; its memory follows the pins where the host is known."""
    pins = dict(vm.pin.map)
    vcpus = tuple(_pin(vm, v, pins[v], dedicated=len(pins[v]) == 1) for v in range(vm.cpu.max))
    threads = threads_of_map(vm, host)
    cells = tuple(
        CellPlan(
            id=c.id,
            vcpus=c.cpus,
            memory_kib=c.memory_kib,
            host_node=_only(nodes_of(host, union(pins[v] for v in c.cpus))),
        )
        for c in vm.numa.cells
    )
    return _with_threads(vm, host, vcpus, cells, extra, threads)


def kept(vm: Vm, host: Host, held: Held) -> VmPlan:
    """Return the plan of a VM that stays where the lock holds it."""
    own = {v: cpus.first for v, cpus in enumerate(held.cpus) if cpus}
    cells = {b.cell if b.cell >= 0 else None: b.node for b in held.bookings}
    seats = Seats(vcpus=own, extra=held.isolated)
    return placed(vm, host, seats, cells, held.siblings)


def placed(
    vm: Vm, host: Host, seats: Seats, bound: Mapping[int | None, int | None], threads: int
) -> VmPlan:
    """Return the plan of a VM with seats; `bound` maps a cell (None: the VM) to its host node."""
    own, boot = seats.vcpus, vm.cpu.count
    cell_of = {vcpu: cell.id for cell in vm.numa.cells for vcpu in cell.cpus}
    vcpus = tuple(
        [
            VcpuPin(v, single(own[v]), True, v < boot, cell_of.get(v))
            if v in own
            else _pin(vm, v, _floating(vm, v, host, bound), dedicated=False)
            for v in range(vm.cpu.max)
        ]
    )
    nodes = _nodes(vm, host, seats, bound)
    cells = tuple(
        [
            CellPlan(id=c.id, vcpus=c.cpus, memory_kib=c.memory_kib, host_node=_only(nodes[c.id]))
            for c in vm.numa.cells
        ]
    )
    shown = threads if vm.dedicated else None
    whole = nodes.get(None, EMPTY)
    return _with_threads(vm, host, vcpus, cells, seats.extra, shown, whole)


def _pin(vm: Vm, vcpu: int, cpus: CpuSet | None, *, dedicated: bool) -> VcpuPin:
    return VcpuPin(
        id=vcpu, cpus=cpus, dedicated=dedicated, boot=vcpu < vm.cpu.count, cell=vm.cell_of(vcpu)
    )


def _floating(vm: Vm, vcpu: int, host: Host, bound: Mapping[int | None, int | None]) -> CpuSet:
    """Return where a vCPU without a CPU of its own floats: the shared set, of its node if bound."""
    shared = host.policy.shared & host.online
    node = bound.get(vm.cell_of(vcpu))
    return shared if node is None else shared & host.node_cpus[node]


def _nodes(
    vm: Vm, host: Host, seats: Seats, bound: Mapping[int | None, int | None]
) -> dict[int | None, CpuSet]:
    """Return the host nodes of each cell (None: the VM without cells)."""
    own = seats.vcpus
    if not vm.numa.cells:
        node = bound.get(None)
        return {None: _homes(host, own.values()) if node is None else single(node)}
    found: dict[int | None, CpuSet] = {}
    for cell in vm.numa.cells:
        node = bound.get(cell.id)
        if node is None:
            found[cell.id] = _homes(host, [own[v] for v in cell.cpus if v in own])
        else:
            found[cell.id] = single(node)
    return found


def nodes_of(host: Host | None, cpus: CpuSet) -> CpuSet:
    """Return the host nodes of some CPUs; empty where the host or a CPU's node is not known."""
    return EMPTY if host is None or not cpus <= host.online else _homes(host, cpus)


def _homes(host: Host, cpus: Iterable[int]) -> CpuSet:
    core_of = host.core_of
    nodes = {core_of[cpu].node for cpu in cpus}
    return EMPTY if None in nodes else CpuSet([n for n in nodes if n is not None])


def _only(nodes: CpuSet) -> int | None:
    return nodes.first if len(nodes) == 1 else None


def _with_threads(  # noqa: PLR0913 (the parts of a VM's plan)
    vm: Vm,
    host: Host | None,
    vcpus: tuple[VcpuPin, ...],
    cells: tuple[CellPlan, ...],
    extra: tuple[int, ...],
    threads: int | None,
    nodes: CpuSet = EMPTY,
) -> VmPlan:
    """Add the emulator and I/O threads, the topology and the memory binding.

    `threads` is None where nothing is dedicated.
    """
    if vm.pin.strategy == "manual" and not cells:
        nodes = nodes_of(host, union(pin.cpus for pin in vcpus if pin.cpus))
    own = _everywhere(vm, vcpus)
    left = list(extra)
    emulator = _thread(vm.pin.emulator, own, host, left)
    iothreads = tuple(
        [
            IothreadPin(id=i + 1, cpus=_thread(vm.pin.iothreads, own, host, left))
            for i in range(vm.iothreads)
        ]
    )
    return VmPlan(
        name=vm.name,
        strategy=vm.pin.strategy,
        threads=None if threads is None else vm.pin.threads,
        topology=topology_of(vm, threads),
        vcpus=vcpus,
        emulator=emulator,
        iothreads=iothreads,
        cells=cells,
        memory_nodes=nodes or None,
        memory_mode=vm.numa.mode if nodes else None,
    )


def _thread(place: ThreadPlace, own: CpuSet, host: Host | None, extra: list[int]) -> CpuSet:
    """Return where an emulator or I/O thread runs (docs/planner.md, "other threads")."""
    if place == "own":
        return own
    if place == "share":
        return host.policy.shared & host.online if host else EMPTY
    if place == "isolate":
        return single(extra.pop(0)) if extra else EMPTY
    return place


def _everywhere(vm: Vm, vcpus: tuple[VcpuPin, ...]) -> CpuSet:
    """Return where the vCPUs are, without those of a real-time class where others remain."""
    every = union([pin.cpus for pin in vcpus if pin.cpus is not None])
    if not vm.tune.scheduler:
        return every
    realtime = vm.realtime
    return union([p.cpus for p in vcpus if p.cpus and p.id not in realtime]) or every
