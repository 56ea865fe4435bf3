"""What a base keeps that only holds together with what the spec says: threads, vCPUs and cells.

kvmc takes the number of I/O threads and vCPUs, the memory and the guest cells from the spec; the
base may name more of them in elements that stay. Refusals are those of libvirt 9.0 at define.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet, span, union
from kvmc.diagnostics import error, warning
from kvmc.spec.domain.xml import Reader
from kvmc.units import format_kib
from kvmc.words import many, vcpus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.diagnostics import Diagnostic
    from kvmc.render.xmltree import Element
    from kvmc.spec.model import Vm

_OF_VCPUS = ("cachetune", "memorytune", "energytune")
_OF_CELLS = ("memory", "controller")
"""Devices with <target><node>: DIMMs and virtio-mem, and PCI expander buses."""


def broken(vm: Vm, base: Element, name: str) -> Iterator[Diagnostic]:
    """Yield what libvirt refuses or drops of a base, once the spec's numbers are in it.

    KV606 for threads, vCPUs and cells that are not there, KV605 for <maxMemory>. `name` is what
    messages call the base.
    """
    yield from _devices_on_iothreads(vm, base, name)
    yield from _scheduled_iothreads(vm, base, name)
    yield from _allocations(vm, base, name)
    yield from _cells(vm, base, name)
    yield from _memory_ceiling(vm, base, name)


def _devices_on_iothreads(vm: Vm, base: Element, name: str) -> Iterator[Diagnostic]:
    known = {str(i) for i in range(1, vm.iothreads + 1)}
    for missing in sorted(_used_iothreads(base) - known):
        yield _no_iothread(vm, f"{name} has a device on I/O thread {missing}", missing)


def _used_iothreads(base: Element) -> set[str]:
    """Return the ids in <driver iothread=> and in <driver><iothreads> (libvirt 10.0)."""
    drivers = [
        driver
        for devices in base.all("devices")
        for device in devices.children
        for driver in device.all("driver")
    ]
    mapped = [i for driver in drivers for group in driver.all("iothreads") for i in group.children]
    ids = [driver.get("iothread") for driver in drivers] + [i.get("id") for i in mapped]
    return {i for i in ids if i is not None}


def _scheduled_iothreads(vm: Vm, base: Element, name: str) -> Iterator[Diagnostic]:
    named = union(_set(one, "iothreads") for one in _below(base, "cputune", "iothreadsched"))
    if missing := named - CpuSet(range(1, vm.iothreads + 1)):
        threads = f"I/O thread{'' if len(missing) == 1 else 's'} {missing}"
        yield _no_iothread(vm, f"<iothreadsched> of {name} names {threads}", max(missing))


def _no_iothread(vm: Vm, what: str, wanted: str | int) -> Diagnostic:
    return error(
        "KV606",
        f"{what}, and the spec has iothreads: {vm.iothreads}",
        vm.place.at("iothreads" if vm.iothreads else "base"),
        hint=f"write `iothreads: {wanted}`",
    )


def _allocations(vm: Vm, base: Element, name: str) -> Iterator[Diagnostic]:
    """Yield vCPUs that libvirt drops from an allocation; a monitor left without any it refuses."""
    there = span(vm.cpu.max)
    for one in (one for tag in _OF_VCPUS for one in _below(base, "cputune", tag)):
        own = _set(one, "vcpus")
        dropped = [own - there]
        for monitor in one.all("monitor"):
            watched = _set(monitor, "vcpus")
            if own & there and watched and not watched & there:
                what = f"a <monitor> in <{one.tag}> of {name}"
                yield _no_vcpu(vm, what, watched, refused=True)
            else:
                dropped.append(watched - there)
        if missing := union(dropped):
            yield _no_vcpu(vm, f"<{one.tag}> of {name}", missing, refused=False)


def _no_vcpu(vm: Vm, what: str, missing: CpuSet, *, refused: bool) -> Diagnostic:
    say = error if refused else warning
    return say(
        "KV606",
        f"{what} names {vcpus(missing)}, and the last vCPU is {vm.cpu.max - 1}: libvirt "
        f"{'refuses' if refused else 'drops'} {'it' if len(missing) == 1 else 'them'}",
        vm.place.at("base"),
        hint="raise cpu.max, or take what is too much out of the base",
    )


def _cells(vm: Vm, base: Element, name: str) -> Iterator[Diagnostic]:
    """Yield guest cells that only the base knows.

    Without cells a memory device has one all the same: libvirt 9.6 adds it.
    """
    cells = len(vm.numa.cells)
    for tag, text in sorted(_named_cells(vm, base)):
        node = Reader(name).natural(tag, text)
        if node is not None and node >= (max(cells, 1) if tag == "memory" else cells):
            yield error(
                "KV606",
                f"<{tag}> of {name} names guest cell {node}, and the spec has "
                f"{many(cells, 'cell') if cells else 'none'}",
                vm.place.at("numa", "cells") if cells else vm.place.at("base"),
                hint="add cells to numa.cells, or take it out of the base",
            )


def _named_cells(vm: Vm, base: Element) -> set[tuple[str, str]]:
    """Return (tag, number) of each cell in devices, and in <interconnects> where these stay."""
    named = {
        (device.tag, node.text)
        for tag in _OF_CELLS
        for device in _below(base, "devices", tag)
        for node in _below(device, "target", "node")
    }
    if vm.numa.cells:
        links = [c for one in _below(base, "cpu", "numa", "interconnects") for c in one.children]
        ends = [link.get(side) for link in links for side in ("initiator", "target")]
        named |= {("interconnects", end) for end in ends if end is not None}
    return named


def _memory_ceiling(vm: Vm, base: Element, name: str) -> Iterator[Diagnostic]:
    """virDomainDefPostParseMemory, and qemuDomainDefValidateMemoryHotplug before libvirt 9.6."""
    place = vm.place.at("memory")
    for one in base.all("maxMemory"):
        most = Reader(name).kib(one.tag, one.text, one.get("unit"))
        if most is not None and most < vm.memory_kib:
            yield error(
                "KV605",
                f"memory is {format_kib(vm.memory_kib)}, above the <maxMemory> of {name}, "
                f"{format_kib(most)}",
                place,
                hint="lower memory, or raise <maxMemory> in the base",
            )
        if not vm.numa.cells and _below(base, "cpu", "numa", "cell"):
            yield warning(
                "KV605",
                f"{name} has <maxMemory>, and its cells are left out: libvirt before 9.6 takes "
                "none without a cell",
                vm.place.at("base"),
                hint="give numa.cells, or take <maxMemory> out of the base",
            )


def _below(parent: Element, *path: str) -> tuple[Element, ...]:
    """Return all elements at a path of tags."""
    found: tuple[Element, ...] = (parent,)
    for tag in path:
        found = tuple(child for one in found for child in one.all(tag))
    return found


def _set(element: Element, name: str) -> CpuSet:
    """Return a list of numbers; empty where there is none, or none that libvirt would read."""
    return Reader("").cpus(name, element.get(name)) or CpuSet()
