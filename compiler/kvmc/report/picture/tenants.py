"""The VMs of a host, as a picture knows them, and which of their threads may run on each CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc import words
from kvmc.cpuset import EMPTY, CpuSet
from kvmc.report.marks import Use, letters_of
from kvmc.report.picture.markup import clean
from kvmc.report.picture.model import Tenant
from kvmc.report.plan import cells_text
from kvmc.units import format_kib

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kvmc.planner.model import HostPlan, VcpuPin, VmPlan
    from kvmc.report.marks import Mark


class Visitor(Struct, frozen=True, kw_only=True):
    """A thread of a VM that may run on a CPU."""

    tenant: int
    text: str
    """`vCPU 3 (cell 0)`, `emulator threads`, `I/O thread 1`."""
    alone: bool
    """Whether the CPU is this thread's only one, and dedicated."""
    vcpu: bool


def numbers_of(plan: HostPlan | None) -> dict[str, int]:
    """Return VM -> its place in `Picture.tenants`: the order of the letters."""
    return {name: number for number, name in enumerate(letters_of(plan))}


def tenants_of(
    plan: HostPlan | None, marks: Mapping[int, Mark], sizes: Mapping[str, int]
) -> tuple[Tenant, ...]:
    """Return the VMs of a plan, and those that only the lock knows of.

    `sizes` maps a VM to its memory in KiB.
    """
    if plan is None:
        return ()
    letters, held = letters_of(plan), dict(plan.others)
    planned = {vm.name: vm for vm in plan.vms}
    owned = [m.owner for m in marks.values() if m.use is Use.VM]
    return tuple(
        _planned(planned[name], number, letters[name], owned.count(name), sizes.get(name))
        if name in planned
        else _held(name, number, letters[name], held[name])
        for number, name in enumerate(letters)
    )


def _planned(vm: VmPlan, number: int, letter: str, dedicated: int, kib: int | None) -> Tenant:
    return Tenant(
        number=number,
        name=clean(vm.name),
        letter=letter,
        dedicated=dedicated,
        vcpus=tuple((p.id, p.cpus) for p in vm.vcpus if p.cpus),
        emulator=vm.emulator or EMPTY,
        iothreads=tuple((t.id, t.cpus) for t in vm.iothreads if t.cpus),
        memory_nodes=memory_nodes(vm),
        summary=tuple(_summary(vm, kib)),
    )


def _held(name: str, number: int, letter: str, cpus: CpuSet) -> Tenant:
    return Tenant(
        number=number,
        name=clean(name),
        letter=letter,
        dedicated=len(cpus),
        held=cpus,
        summary=(
            f"dedicated {words.cpus(cpus)}",
            "known from the lock only: its spec is not in this run",
        ),
    )


def memory_nodes(vm: VmPlan) -> CpuSet:
    """Return the host nodes that a VM's memory is bound to."""
    cells = CpuSet(c.host_node for c in vm.cells if c.host_node is not None)
    return cells | (vm.memory_nodes or EMPTY)


def visitors_of(plan: HostPlan | None) -> dict[int, list[Visitor]]:
    """Return CPU -> the threads that may run there, by VM: vCPUs, emulator, I/O threads."""
    found: dict[int, list[Visitor]] = {}
    numbers = numbers_of(plan)
    for vm in plan.vms if plan else ():
        number = numbers[vm.name]
        for cpus, text, alone in _threads(vm):
            for cpu in cpus:
                visitor = Visitor(tenant=number, text=text, alone=alone, vcpu=text[0] == "v")
                found.setdefault(cpu, []).append(visitor)
    return found


def _threads(vm: VmPlan) -> Iterator[tuple[CpuSet, str, bool]]:
    for pin in vm.vcpus:
        yield pin.cpus or EMPTY, _vcpu(vm, pin), pin.dedicated
    yield vm.emulator or EMPTY, "emulator threads", False
    for thread in vm.iothreads:
        yield thread.cpus or EMPTY, f"I/O thread {thread.id}", False


def _vcpu(vm: VmPlan, pin: VcpuPin) -> str:
    threads = vm.topology.threads
    about = [
        f"thread {pin.id % threads} of guest core {pin.id // threads}" if threads > 1 else "",
        f"cell {pin.cell}" if pin.cell is not None else "",
        "" if pin.boot else "held for hotplug",
    ]
    known = ", ".join(part for part in about if part)
    return f"vCPU {pin.id}" + (f" ({known})" if known else "")


def _summary(vm: VmPlan, kib: int | None) -> Iterator[str]:
    """Yield what a VM has, a sentence a line."""
    boot = sum(pin.boot for pin in vm.vcpus)
    held = len(vm.vcpus) - boot
    policy = f", threads {vm.threads}" if vm.threads else ""
    hotplug = f"; {held} held for hotplug" if held else ""
    yield f"{words.many(boot, 'vCPU')}, {vm.strategy}{policy}{hotplug}"
    dedicated = CpuSet(c for p in vm.vcpus if p.dedicated and p.cpus for c in p.cpus)
    floating = CpuSet(c for p in vm.vcpus if not p.dedicated and p.cpus for c in p.cpus)
    if dedicated:
        yield f"dedicated {words.cpus(dedicated)}"
    if floating:
        yield f"vCPUs float on {words.cpus(floating)}"
    if vm.emulator:
        yield f"emulator threads on {words.cpus(vm.emulator)}"
    for thread in vm.iothreads:
        if thread.cpus:
            yield f"I/O thread {thread.id} on {words.cpus(thread.cpus)}"
    yield _memory(vm, kib)


def _memory(vm: VmPlan, kib: int | None) -> str:
    if placed := cells_text(vm):
        return f"memory {placed}"
    size = f" {format_kib(kib)}" if kib else ""
    if vm.memory_nodes is None:
        return f"memory{size}, bound to no node"
    return f"memory{size} from {words.nodes(vm.memory_nodes)}, {vm.memory_mode}"
