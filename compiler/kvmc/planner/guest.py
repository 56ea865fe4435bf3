"""What the guest sees: its topology, given or derived (contract section 4.5)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from kvmc.spec.model import Topology

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmc.host.model import Host
    from kvmc.spec.model import Vm


def topology_of(vm: Vm, threads: int | None) -> Topology:
    """Return the given topology, or the one that shows `threads` siblings a core.

    `threads` None means that nothing is dedicated: one socket, max cores, one thread.
    """
    if vm.cpu.topology is not None:
        return vm.cpu.topology
    if threads is None:
        return _plain(1, vm.cpu.max, 1)
    sockets = _sockets(vm, threads)
    return _plain(sockets, vm.cpu.max // sockets // threads, threads)


@lru_cache(maxsize=1024)
def _plain(sockets: int, cores: int, threads: int) -> Topology:
    return Topology(sockets=sockets, cores=cores, threads=threads)


def _sockets(vm: Vm, threads: int) -> int:
    """Return one socket per cell where the cells are equal runs of vCPUs, whole cores each."""
    cells = vm.numa.cells
    if not cells or vm.cpu.max % (len(cells) * threads):
        return 1
    size = vm.cpu.max // len(cells)
    runs = [((1 << size) - 1) << i * size for i in range(len(cells))]
    return len(cells) if sorted([c.cpus.mask for c in cells]) == runs else 1


def threads_of_map(vm: Vm, host: Host | None) -> int | None:
    """Return the siblings really used together by the pins of a `manual` VM.

    None where no pin is dedicated; 1 where the host is not known, or some guest core is apart.
    """
    pins = {vcpu: cpus.first for vcpu, cpus in vm.pin.map if len(cpus) == 1}
    if not pins:
        return None
    if host is None or len(pins) < vm.cpu.max or not set(pins.values()) <= set(host.online):
        return 1
    return threads_of(vm, host, pins)


def threads_shown(vm: Vm, host: Host, own: Mapping[int, int], planned: int) -> int:
    """Return the siblings that a guest core shows: as `planned`, or those that came together.

    On cores of four threads, say, two vCPUs that had to share a core are threads of it.
    """
    given = vm.cpu.topology is not None or vm.pin.threads != "prefer"
    if planned > 1 or given or len(own) < vm.cpu.max:
        return planned
    return threads_of(vm, host, own)


def threads_of(vm: Vm, host: Host, pins: Mapping[int, int]) -> int:
    """Return the siblings really used together where every vCPU has an online CPU of its own."""
    cores = [host.core_of[pins[vcpu]].cpus for vcpu in range(vm.cpu.max)]
    for threads in range(max(len(core) for core in cores), 1, -1):
        if vm.cpu.max % threads == 0 and _together(vm, cores, threads):
            return threads
    return 1


def _together(vm: Vm, cores: list[tuple[int, ...]], threads: int) -> bool:
    """Whether each run of `threads` vCPUs is on one core of its own, and within one cell."""
    runs = [range(i, i + threads) for i in range(0, vm.cpu.max, threads)]
    homes = [{cores[v] for v in run} for run in runs]
    cells = [{vm.cell_of(v) for v in run} for run in runs]
    alone = len({core for home in homes for core in home}) == len(runs)
    return alone and all(len(h) == 1 for h in homes) and all(len(c) == 1 for c in cells)
