"""The frozen form of a plan: which host CPUs every thread of every VM may use.

This is the planner's output and the renderers' only input beside the VM itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

if TYPE_CHECKING:
    from kvmc.cpuset import CpuSet
    from kvmc.host.model import Host
    from kvmc.spec.model import NumaMode, Strategy, Threads, Topology


class VcpuPin(NamedTuple):
    """One vCPU of 0..max-1; a tuple, because a plan has thousands."""

    id: int
    cpus: CpuSet | None
    """Host CPUs; None: not pinned (strategy none)."""
    dedicated: bool
    """Whether the one CPU is this vCPU's alone."""
    boot: bool
    """Whether the vCPU is there at boot (id < cpu.count) or for hotplug."""
    cell: int | None


class IothreadPin(Struct, frozen=True, kw_only=True):
    """One I/O thread; ids count from 1 as libvirt's do."""

    id: int
    cpus: CpuSet | None


class CellPlan(Struct, frozen=True, kw_only=True):
    """One guest cell and the host node its memory is bound to; None: not bound."""

    id: int
    vcpus: CpuSet
    memory_kib: int
    host_node: int | None


class VmPlan(Struct, frozen=True, kw_only=True):
    """The placement of one VM."""

    name: str
    strategy: Strategy
    threads: Threads | None
    """The thread policy; None where nothing is dedicated."""
    topology: Topology
    """The guest's topology, given or derived; the product is cpu.max."""
    vcpus: tuple[VcpuPin, ...]
    emulator: CpuSet | None
    """Host CPUs of the emulator threads; None: not pinned."""
    iothreads: tuple[IothreadPin, ...]
    cells: tuple[CellPlan, ...]
    memory_nodes: CpuSet | None = None
    """Host node ids the whole VM's memory comes from; None: not bound."""
    memory_mode: NumaMode | None = None
    """How it is bound; None where memory_nodes is None."""
    moved: bool = False
    """Whether the lock held another placement."""


class Unplaced(Struct, frozen=True, kw_only=True):
    """A VM that got no place."""

    name: str
    reason: str
    """The arithmetic, in one sentence."""
    proven: bool
    """False where a bound on effort was hit."""


class HostPlan(Struct, frozen=True, kw_only=True):
    """All VMs of one host, by name; host None: VMs that need no host."""

    host: Host | None
    vms: tuple[VmPlan, ...]
    unplaced: tuple[Unplaced, ...] = ()
    others: tuple[tuple[str, CpuSet], ...] = ()
    """(name, CPUs of its own) of VMs that only the lock knows of, in a run over a few specs."""


class Plan(Struct, frozen=True, kw_only=True):
    """All hosts by name, the VMs without a host first."""

    hosts: tuple[HostPlan, ...]
