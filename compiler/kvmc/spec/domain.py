"""What a libvirt domain says about CPUs and memory, with libvirt's own defaults filled in.

Two domain XMLs with equal `Domain`s run alike as far as kvmc is concerned. Sources: libvirt
formatdomain.html; src/conf/domain_conf.c, cpu_conf.c and numa_conf.c where that is silent.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.cpuset import CpuSet
    from kvmc.spec.model import Boot, Cell, CpuCache, Disk, Features, Topology

HOST_DEFAULT_PAGE = 0
"""Stands for <hugepages/> without a size: the host's default huge page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Memory of the domain, or of one cell, on host nodes; `nodes` None: wherever there is room."""

    mode: str | None = None
    nodes: CpuSet | None = None
    auto: bool = False
    """Whether numad chooses the nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
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
    schedulers: tuple[tuple[str, int | None] | None, ...]
    """(policy, priority) of each vCPU."""
    mode: str | None
    model: str | None
    fallback: str | None
    vendor_id: str | None
    vendor: str | None
    match: str | None
    check: str | None
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
    source: str | None
    access: str | None
    allocation: str | None
    hypervisor: Features
    machine: DomainMachine


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainMachine:
    """The part that a minimal machine can spell; a base has all of it."""

    type: str | None = None
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


def changes(before: Domain, after: Domain) -> Iterator[str]:
    """Yield, in libvirt's words, each setting in which two domains differ; never `machine`."""
    for field in fields(Domain):
        if field.name != "machine" and getattr(before, field.name) != getattr(after, field.name):
            yield _LABELS.get(field.name, field.name)
