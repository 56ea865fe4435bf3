"""From seats to the plan of one VM: pins, emulator and I/O threads, memory."""

from __future__ import annotations

from functools import reduce
from itertools import chain, repeat
from operator import itemgetter, or_
from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet, from_mask, single, union
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
    own = {
        v: m.bit_length() - 1 for v, c in enumerate(held.cpus) if c is not None and (m := c.mask)
    }
    cells = {b.cell if b.cell >= 0 else None: b.node for b in held.bookings}
    seats = Seats(vcpus=own, extra=held.isolated)
    return placed(vm, host, seats, cells, held.siblings)


def placed(
    vm: Vm, host: Host, seats: Seats, bound: Mapping[int | None, int | None], threads: int
) -> VmPlan:
    """Return the plan of a VM with seats; `bound` maps a cell (None: the VM) to its host node."""
    own = seats.vcpus
    if len(own) == vm.cpu.max > max(own):
        vcpus = _alone(vm, own)
    else:
        vcpus = tuple(
            [
                _pin(vm, v, single(own[v]), dedicated=True)
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
    shown = threads if own or vm.dedicated else None
    whole = nodes.get(None, EMPTY)
    return _with_threads(vm, host, vcpus, cells, seats.extra, shown, whole)


_cpus_of = itemgetter(1)
"""A pin's CPUs, in half the time of its attribute."""


def _alone(vm: Vm, own: Mapping[int, int]) -> tuple[VcpuPin, ...]:
    """Return the pins of a VM all of whose vCPUs have a CPU of their own."""
    count, boot = vm.cpu.max, vm.cpu.count
    cells: Iterable[int | None] = repeat(None)
    if vm.numa.cells:
        cell_of = {vcpu: cell.id for cell in vm.numa.cells for vcpu in cell.cpus}
        cells = map(cell_of.get, range(count))
    cpus = map(single, map(own.__getitem__, range(count)))
    at_boot = chain(repeat(True, boot), repeat(False))
    pins = zip(range(count), cpus, repeat(True), at_boot, cells)
    # A third of the time of calling the class, which counts where there are thousands.
    return tuple(map(tuple.__new__, repeat(VcpuPin), pins))


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
    iothreads = [
        IothreadPin(id=i + 1, cpus=_thread(vm.pin.iothreads, own, host, left))
        for i in range(vm.iothreads)
    ]
    return VmPlan(
        name=vm.name,
        strategy=vm.pin.strategy,
        threads=None if threads is None else vm.pin.threads,
        topology=topology_of(vm, threads),
        vcpus=vcpus,
        emulator=emulator,
        iothreads=tuple(iothreads),
        cells=cells,
        memory_nodes=nodes if nodes.mask else None,
        memory_mode=vm.numa.mode if nodes.mask else None,
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
    masks = [cpus.mask for cpus in map(_cpus_of, vcpus) if cpus is not None]
    every = from_mask(reduce(or_, masks, 0))
    if not vm.tune.scheduler:
        return every
    realtime = vm.realtime
    return union([p.cpus for p in vcpus if p.cpus and p.id not in realtime]) or every
