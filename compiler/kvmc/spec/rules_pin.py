"""Rules of how pin fields go together, KV321 and KV330-KV335.

Words are Nova's: hw:cpu_policy, hw:cpu_thread_policy, hw:emulator_threads_policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet, union
from kvmc.diagnostics import error
from kvmc.spec.model import Numa, Pin
from kvmc.words import vcpus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.diagnostics import Diagnostic
    from kvmc.spec.model import Vm

_USELESS = {
    "none": ("threads", "cpus", "kind", "l3", "numa", "emulator", "iothreads"),
    "shared": ("threads", "cpus", "kind", "l3"),
    "manual": ("cpus", "kind", "l3", "numa"),
}
_DEFAULT = Pin()
_STRICT = Numa().mode
_PLACED = ("shared", "dedicated", "mixed")
"""Strategies that place a VM on nodes by themselves."""


def field_without_effect(vm: Vm) -> Iterator[Diagnostic]:
    """KV321: no field that the strategy or the cells make moot; one at its default is let pass."""
    for name in _USELESS.get(vm.pin.strategy, ()):
        if getattr(vm.pin, name) != getattr(_DEFAULT, name):
            yield error(
                "KV321",
                f"pin.{name} means nothing with strategy {vm.pin.strategy}",
                vm.place.at("pin", name, key=True),
                hint=f"leave {name} out, or choose another strategy",
            )
    yield from _mode_of_nothing(vm)
    if vm.numa.cells and vm.pin.numa == "require" and vm.pin.strategy in _PLACED:
        yield error(
            "KV321",
            "pin.numa means nothing beside numa.cells",
            vm.place.at("pin", "numa", key=True),
            hint="leave numa out; with numa.mode strict each cell lies within one host node",
        )


def _mode_of_nothing(vm: Vm) -> Iterator[Diagnostic]:
    """Yield KV321 for the mode of memory that no plan binds."""
    if vm.numa.mode == _STRICT:
        return
    place = vm.place.at("numa", "mode", key=True)
    if vm.pin.strategy == "none":
        yield error(
            "KV321",
            "numa.mode means nothing with strategy none",
            place,
            hint="leave mode out, or choose another strategy",
        )
    elif vm.pin.strategy == "shared" and not vm.numa.cells and vm.pin.numa != "require":
        yield error(
            "KV321",
            "numa.mode means nothing with strategy shared and no cells",
            place,
            hint="leave mode out, or bind the VM to a host node with `pin.numa: require`",
        )


def isolate_with_guest_threads(vm: Vm) -> Iterator[Diagnostic]:
    """KV330: with isolate a vCPU has a core to itself, so its guest has no thread siblings."""
    threads = _threads(vm)
    if vm.dedicated and vm.pin.threads == "isolate" and threads > 1:
        yield error(
            "KV330",
            f"threads isolate, but the guest's topology has {threads} threads a core",
            vm.place.at("pin", "threads"),
            hint="set cpu.topology.threads to 1, or leave topology out",
        )


def require_without_guest_threads(vm: Vm) -> Iterator[Diagnostic]:
    """KV331: with require the guest sees its siblings, so its topology has them."""
    if vm.dedicated and vm.pin.threads == "require" and vm.cpu.topology and _threads(vm) == 1:
        yield error(
            "KV331",
            "threads require, but the guest's topology has 1 thread a core",
            vm.place.at("pin", "threads"),
            hint="set cpu.topology.threads to 2 (or what the host has), or leave topology out",
        )


def require_cuts_a_core(vm: Vm) -> Iterator[Diagnostic]:
    """KV332: with require the dedicated vCPUs are whole guest cores, where these are given."""
    if vm.pin.threads != "require" or vm.pin.strategy != "mixed":
        return
    cut = [core for core in _guest_cores(vm) if EMPTY < core & vm.dedicated < core]
    if cut:
        yield error(
            "KV332",
            f"threads require, but pin.vcpus holds a part only of the guest's "
            f"core with {' and with '.join(map(vcpus, cut))}",
            vm.place.at("pin", "vcpus"),
            hint="name all threads of a guest core, or none",
        )


def cell_cuts_a_core(vm: Vm) -> Iterator[Diagnostic]:
    """KV333: the threads of a guest core with dedicated vCPUs are in one cell."""
    for core in _guest_cores(vm):
        cells = {cell.id for cell in vm.numa.cells if cell.cpus & core}
        if len(cells) > 1 and core & vm.dedicated:
            names = " and ".join(map(str, sorted(cells)))
            yield error(
                "KV333",
                f"the guest's core with {vcpus(core)} lies in cells {names}",
                vm.place.at("numa", "cells", max(cells), "cpus"),
                hint=f"vCPUs fill cores in order, {_threads(vm)} threads each; keep each "
                "core in one cell",
            )


def empty_cpus(vm: Vm) -> Iterator[Diagnostic]:
    """KV334: pin.cpus, pin.emulator and pin.iothreads name at least one CPU."""
    useless = _USELESS.get(vm.pin.strategy, ())
    for name in ("cpus", "emulator", "iothreads"):
        if name not in useless and getattr(vm.pin, name) == EMPTY:
            yield error(
                "KV334",
                f"pin.{name} names no CPU",
                vm.place.at("pin", name),
                hint=f"name host CPUs, or leave {name} out",
            )


def place_of_no_iothreads(vm: Vm) -> Iterator[Diagnostic]:
    """KV335: pin.iothreads needs I/O threads."""
    if vm.pin.strategy != "none" and vm.pin.iothreads != "own" and not vm.iothreads:
        yield error(
            "KV335",
            "pin.iothreads is given, but the VM has no I/O threads",
            vm.place.at("pin", "iothreads"),
            hint="add `iothreads: 1`, or leave pin.iothreads out",
        )


def _threads(vm: Vm) -> int:
    return vm.cpu.topology.threads if vm.cpu.topology else 1


def _guest_cores(vm: Vm) -> tuple[CpuSet, ...]:
    """Return the vCPUs of each guest core: as many consecutive ids as it has threads."""
    threads = _threads(vm)
    if threads == 1:
        return ()
    # A vCPU outside of the topology has its own error; it is in no core.
    known = union((vm.dedicated, *(cell.cpus for cell in vm.numa.cells)))
    firsts = sorted({vcpu // threads * threads for vcpu in known if vcpu < vm.cpu.max})
    return tuple(CpuSet(range(first, first + threads)) for first in firsts)


RULES = (
    field_without_effect,
    isolate_with_guest_threads,
    require_without_guest_threads,
    require_cuts_a_core,
    cell_cuts_a_core,
    empty_cpus,
    place_of_no_iothreads,
)
