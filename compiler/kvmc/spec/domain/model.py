"""What a libvirt domain says about CPUs and memory, with libvirt's own defaults filled in.

Two domain XMLs with equal `Domain`s run alike as far as kvmc is concerned. Sources: libvirt
formatdomain.html; src/conf/domain_conf.c, cpu_conf.c and numa_conf.c where that is silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.units import format_kib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.spec.model import Boot, Cell, CpuCache, CpuMode, Disk, Features, NumaMode, Topology

Fallback = Literal["allow", "forbid"]
Match = Literal["minimum", "exact", "strict"]
Check = Literal["none", "partial", "full"]
Policy = Literal["batch", "idle", "fifo", "rr"]
Source = Literal["anonymous", "file", "memfd"]
Access = Literal["shared", "private"]
Allocation = Literal["immediate", "ondemand"]

HOST_DEFAULT_PAGE = 0
"""Stands for <hugepages/> without a size: the host's default huge page."""


class Binding(Struct, frozen=True, kw_only=True):
    """Memory of the domain, or of one cell, on host nodes; `nodes` None: wherever there is room."""

    mode: NumaMode | None = None
    nodes: CpuSet | None = None
    auto: bool = False
    """Whether numad chooses the nodes."""


class Domain(Struct, frozen=True, kw_only=True):
    """The part of a domain that kvmc owns. CPU sets None: any CPU of the host."""

    name: str
    memory_kib: int
    current_kib: int
    """What the balloon leaves at boot."""
    ceiling: int
    """vCPUs, with those for hotplug."""
    online: CpuSet
    """vCPUs there at boot."""
    unpluggable: CpuSet
    """vCPUs there at boot that can be taken out again."""
    numad: bool
    """Whether numad chooses the CPUs of all threads."""
    vcpus: tuple[CpuSet | None, ...]
    emulator: CpuSet | None
    iothreads: tuple[tuple[int, CpuSet | None], ...]
    """(id, CPUs), by id."""
    shares: int | None
    period: int | None
    quota: int | None
    schedulers: tuple[tuple[Policy, int | None] | None, ...]
    """(policy, priority) of each vCPU."""
    mode: CpuMode | None
    model: str | None
    fallback: Fallback | None
    vendor_id: str | None
    vendor: str | None
    match: Match | None
    check: Check | None
    migratable: bool | None
    features: tuple[tuple[str, str], ...]
    cache: CpuCache | None
    topology: Topology
    cells: tuple[Cell, ...]
    """Without pages; vCPUs that no cell names are in cell 0, where libvirt puts them."""
    page_kib: int | None
    """Size of the huge pages, HOST_DEFAULT_PAGE included; None: none, or they differ by cell."""
    cell_pages: tuple[int | None, ...]
    binding: Binding
    cell_bindings: tuple[Binding, ...]
    locked: bool
    nosharepages: bool
    source: Source | None
    access: Access | None
    allocation: Allocation | None
    hypervisor: Features
    machine: DomainMachine


class DomainMachine(Struct, frozen=True, kw_only=True):
    """The part that a minimal machine can spell; a base has all of it."""

    type: str | None = None
    """libvirt's word, of which a spec has kvm and qemu."""
    arch: str | None = None
    """None: that of the host."""
    machine: str | None = None
    emulator: str | None = None
    boot: Boot | None = None
    disks: tuple[Disk, ...] = ()
    serial: str | None = None


_LABELS = {
    "memory_kib": "memory", "current_kib": "currentMemory", "ceiling": "vcpu",
    "online": "vcpus at boot", "unpluggable": "vcpus that can be unplugged",
    "numad": "vcpu placement='auto'", "vcpus": "vcpupin", "emulator": "emulatorpin",
    "iothreads": "iothreadpin", "schedulers": "vcpusched", "mode": "cpu mode",
    "model": "cpu model", "fallback": "cpu model fallback", "vendor_id": "cpu model vendor_id",
    "vendor": "cpu vendor", "match": "cpu match", "check": "cpu check",
    "migratable": "cpu migratable", "features": "cpu features", "cache": "cpu cache",
    "topology": "cpu topology", "cells": "numa cells", "page_kib": "hugepages",
    "cell_pages": "hugepages of cells", "binding": "numatune memory",
    "cell_bindings": "numatune memnode", "hypervisor": "features",
}  # fmt: skip

_MACHINE = (("type", "domain type"), ("arch", "architecture"), ("machine", "machine type"))


def changes(before: Domain, after: Domain) -> Iterator[str]:
    """Yield, in libvirt's words, each setting in which two domains differ.

    Of `machine` these are the three that a build always writes; `rest` names what it leaves out.
    """
    for name, label in _MACHINE:
        one, other = getattr(before.machine, name), getattr(after.machine, name)
        if one != other and (name != "arch" or one is not None):
            yield f"{label}{_values(name, one, other)}"
    old, new = _meant(before), _meant(after)
    for field in Domain.__struct_fields__:
        one, other = getattr(old, field), getattr(new, field)
        if field != "machine" and one != other:
            label = _LABELS.get(field, field)
            yield f"{label}{_values(field, one, other)}"


def _meant(domain: Domain) -> Domain:
    """Fill in what libvirt assumes: an exact match, and that it may fall back."""
    custom = domain.mode == "custom"
    named = custom or domain.mode == "host-model"
    return replace(
        domain,
        match=(domain.match or "exact") if custom else None,
        fallback=(domain.fallback or "allow") if named else None,
    )


def _values(name: str, one: object, other: object) -> str:
    """Return both values where they are short enough to help, with a blank before them."""
    if all(value is None or isinstance(value, (CpuSet, int, str)) for value in (one, other)):
        return f" ({_value(name, one)} becomes {_value(name, other)})"
    return ""


def _value(name: str, value: object) -> str:
    if value is None:
        return "any CPU" if name == "emulator" else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith("_kib"):
        return format_kib(value) if value else "the host's default size"
    return str(value) or "none"
