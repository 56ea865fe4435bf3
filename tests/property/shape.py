"""What docs/planner.md says about one VM's part of a plan, beside who sits where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet, union
from kvmc.spec.model import Topology
from tests.property.seats import SEATED, count_allows, dedicated, parts, shared_set, width

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kvmc.host.model import Host
    from kvmc.planner.model import VmPlan
    from kvmc.spec.model import ThreadPlace, Vm


def misshapen(one: VmPlan, vm: Vm, host: Host) -> Iterator[str]:
    """Yield what is wrong with pins, threads, topology, cells and memory of one VM."""
    if [pin.id for pin in one.vcpus] != list(range(vm.cpu.max)):
        yield f"pins for {[pin.id for pin in one.vcpus]}, not 0..{vm.cpu.max - 1}"
        return
    yield from _labels(one, vm)
    yield from _cells(one, vm, host)
    yield from _pins(one, vm, host)
    yield from _others(one, vm, host)
    yield from _topology(one, vm, host)
    yield from _binding(one, vm, host)


def _labels(one: VmPlan, vm: Vm) -> Iterator[str]:
    if one.strategy != vm.pin.strategy:
        yield f"strategy {one.strategy}"
    if vm.pin.strategy in SEATED and one.threads != (vm.pin.threads if vm.dedicated else None):
        yield f"threads {one.threads}"
    if one.moved:
        yield "moved without a lock"
    for pin in one.vcpus:
        if pin.boot != (pin.id < vm.cpu.count) or pin.cell != vm.cell_of(pin.id):
            yield f"vCPU {pin.id}: boot {pin.boot}, cell {pin.cell}"
        if pin.dedicated != (pin.id in dedicated(vm)):
            yield f"vCPU {pin.id}: dedicated {pin.dedicated}"


def _pins(one: VmPlan, vm: Vm, host: Host) -> Iterator[str]:
    """Each vCPU's pin has the form its strategy asks for."""
    given = dict(vm.pin.map)
    for pin in one.vcpus:
        if vm.pin.strategy == "none":
            right = pin.cpus is None
        elif vm.pin.strategy == "manual":
            right = pin.cpus == given[pin.id]
        elif pin.id in vm.dedicated:
            right = pin.cpus is not None and len(pin.cpus) == 1
        else:
            right = bool(pin.cpus) and pin.cpus == _float(one, vm, host, pin.cell)
        if not right:
            yield f"vCPU {pin.id} is pinned to {pin.cpus}"


def _float(one: VmPlan, vm: Vm, host: Host, cell: int | None) -> CpuSet:
    """Rule 8: shared vCPUs float on the shared set; those of a bound cell on their node's."""
    shared = CpuSet(shared_set(host))
    if cell is None or vm.numa.mode != "strict" or cell >= len(one.cells):
        return shared
    return shared & host.node_cpus.get(one.cells[cell].host_node or 0, EMPTY)


def _others(one: VmPlan, vm: Vm, host: Host) -> Iterator[str]:
    """The table "Where the other threads go"."""
    if [thread.id for thread in one.iothreads] != list(range(1, vm.iothreads + 1)):
        yield f"I/O threads {[thread.id for thread in one.iothreads]}"
    asked = [("emulator", one.emulator, vm.pin.emulator)]
    asked += [(f"iothread {t.id}", t.cpus, vm.pin.iothreads) for t in one.iothreads]
    for name, cpus, wish in asked:
        if not _right_place(one, vm, host, cpus, wish):
            yield f"{name} ({wish}) is on {cpus}"


def _right_place(one: VmPlan, vm: Vm, host: Host, cpus: CpuSet | None, wish: ThreadPlace) -> bool:
    if vm.pin.strategy == "none":
        return cpus is None
    if isinstance(wish, CpuSet):
        return cpus == wish
    if wish == "isolate":
        return cpus is not None and len(cpus) == 1
    if wish == "share":
        return cpus == CpuSet(shared_set(host))
    every = union(pin.cpus or EMPTY for pin in one.vcpus)
    calm = union(pin.cpus or EMPTY for pin in one.vcpus if pin.id not in vm.realtime)
    return cpus == (calm or every)


def _cells(one: VmPlan, vm: Vm, host: Host) -> Iterator[str]:
    wanted = [(cell.id, cell.cpus, cell.memory_kib) for cell in vm.numa.cells]
    if [(cell.id, cell.vcpus, cell.memory_kib) for cell in one.cells] != wanted:
        yield "the cells are not those that were asked for"
    known = {node.id for node in host.nodes}
    for cell in one.cells:
        if vm.pin.strategy == "none" and cell.host_node is not None:
            yield f"cell {cell.id} is bound under strategy none"
        used = _nodes(one, vm, host, frozenset(cell.vcpus))
        apart = len(used) > 1 or (not used and bool(dedicated(vm) & set(cell.vcpus)))
        if apart and vm.numa.mode != "strict" and cell.host_node is None:
            continue
        if vm.pin.strategy in SEATED and cell.host_node not in known:
            yield f"cell {cell.id} is on node {cell.host_node}"
        if vm.pin.strategy in SEATED and used and cell.host_node not in used:
            yield f"cell {cell.id} is on node {cell.host_node}, its vCPUs on {sorted(used)}"


def _nodes(one: VmPlan, vm: Vm, host: Host, vcpus: frozenset[int]) -> set[int]:
    """The nodes of some vCPUs; none where one of them is on a core of no known node."""
    cpus = (p.cpus.first for p in one.vcpus if p.id in vcpus & dedicated(vm) and p.cpus)
    found = {host.core_of[cpu].node for cpu in cpus if cpu in host.core_of}
    return set() if None in found else {node for node in found if node is not None}


def _binding(one: VmPlan, vm: Vm, host: Host) -> Iterator[str]:
    """The section "Memory", for VMs without cells."""
    if (one.memory_nodes is None) != (one.memory_mode is None):
        yield f"memory nodes {one.memory_nodes}, mode {one.memory_mode}"
    if vm.numa.cells or vm.pin.strategy == "manual":
        return
    used = _nodes(one, vm, host, frozenset(vm.dedicated))
    if set(one.memory_nodes or ()) != used:
        yield f"memory on nodes {one.memory_nodes}, vCPUs on {sorted(used)}"
    if used and one.memory_mode not in (vm.numa.mode, "preferred"):
        yield f"memory mode {one.memory_mode}"
    if vm.pin.numa == "require" and used and one.memory_mode != vm.numa.mode:
        yield f"numa: require, but memory mode {one.memory_mode}"


def _topology(one: VmPlan, vm: Vm, host: Host) -> Iterator[str]:
    """The section "What the guest sees"."""
    if one.topology not in _topologies(one, vm, host):
        yield f"topology {one.topology}"


def _topologies(one: VmPlan, vm: Vm, host: Host) -> list[Topology]:
    """The right topologies; several only where the page leaves a choice (mixed, manual)."""
    if vm.cpu.topology is not None:
        return [vm.cpu.topology]
    if not dedicated(vm):
        return [Topology(cores=vm.cpu.max)]
    sockets = len(vm.numa.cells) if _equal_runs(vm) else 1
    return [
        Topology(sockets=sockets, cores=vm.cpu.max // sockets // threads, threads=threads)
        for threads in _together(one, vm, host)
        if vm.cpu.max % (sockets * threads) == 0
    ]


def _equal_runs(vm: Vm) -> bool:
    runs = sorted((min(part), max(part), len(part)) for part in parts(vm))
    size = runs[0][2]
    return bool(vm.numa.cells) and all(
        low == n * size and high == low + size - 1 for n, (low, high, _) in enumerate(runs)
    )


def _together(one: VmPlan, vm: Vm, host: Host) -> list[int]:
    """The numbers of siblings really used together."""
    homes = {
        p.id: host.core_of.get(p.cpus.first) for p in one.vcpus if p.id in dedicated(vm) and p.cpus
    }
    if vm.pin.strategy == "manual":
        wides = range(vm.cpu.max, 0, -1)
        fine = [w for w in wides if vm.cpu.max % w == 0 and _all_together(homes, w)]
        return [fine[0], 1]
    wide = width(vm, host) if vm.pin.threads != "isolate" and count_allows(vm, host) else 1
    floats = len(homes) < vm.cpu.max
    if wide == 1 or not _all_together(homes, wide):
        return [1] if floats or vm.pin.threads != "prefer" else [_by_chance(vm, homes)]
    return [wide, 1] if floats else [wide]


def _by_chance(vm: Vm, homes: Mapping[int, object]) -> int:
    """The most vCPUs in a row that came together on a core of their own, within a cell."""
    for wide in range(vm.cpu.max, 1, -1):
        if vm.cpu.max % wide == 0 and _all_together(homes, wide):
            alone = len(set(homes.values())) == vm.cpu.max // wide
            cells = {vcpu: number for number, part in enumerate(parts(vm)) for vcpu in part}
            if alone and _all_together(cells, wide):
                return wide
    return 1


def _all_together(homes: Mapping[int, object], wide: int) -> bool:
    guests = {vcpu // wide for vcpu in homes}
    return all(len({homes[v] for v in homes if v // wide == guest}) == 1 for guest in guests)
