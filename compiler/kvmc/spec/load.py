"""A checked document to a frozen `Vm`: every default that is not a constant is filled in here."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from kvmc.cpuset import span
from kvmc.diagnostics import Outcome, Place
from kvmc.source.problems import bounded
from kvmc.spec.model import (
    Boot,
    Cell,
    Cpu,
    CpuCache,
    Disk,
    Features,
    Machine,
    MemoryBacking,
    Numa,
    Pin,
    Scheduler,
    Topology,
    Tune,
    Vm,
)
from kvmc.spec.rules import RULES
from kvmc.spec.schema import fields_as_meant, fields_of
from kvmc.spec.values import cpus_of
from kvmc.units import parse_kib

if TYPE_CHECKING:
    from kvmc.cpuset import CpuSet
    from kvmc.source.document import Document
    from kvmc.spec.model import (
        ThreadPlace,
    )

    Data = dict[str, Any]
    """A mapping the schema has accepted."""


def load_vm(document: Document) -> Outcome[Vm]:
    """Return the VM of a `kind: vm` document, and all that is wrong with it by itself.

    No value where the schema refuses (KV2xx); a value beside errors where only rules do (KV3xx),
    or where no more is wrong than unknown fields (KV211), so that checks across documents can go
    on. Beyond MAX_PROBLEMS errors it is KV118.
    """
    fields = fields_of(document, "vm")
    data = fields.value
    if data is None and {d.code for d in fields.diagnostics if d.is_error} == {"KV211"}:
        data = fields_as_meant(document, "vm")
    if data is None:
        return Outcome(None, fields.diagnostics)
    place = Place(file=document.file, document=document.index)
    vm = _vm(data, place)
    found = chain(fields.diagnostics, (d for rule in RULES for d in rule(vm)))
    return Outcome(vm, tuple(bounded(found, place)))


def _vm(data: Data, place: Place) -> Vm:
    cpu = _cpu(data["cpu"])
    backing = _memory_backing(data.get("memory_backing", {}))
    numa = _numa(data.get("numa", {}), backing.hugepages_kib)
    return Vm(
        name=data["name"],
        memory_kib=(
            parse_kib(data["memory"])
            if "memory" in data
            else sum(cell.memory_kib for cell in numa.cells)
        ),
        cpu=cpu,
        numa=numa,
        pin=_pin(data.get("pin", {})),
        tune=_tune(data.get("tune", {}), cpu.max),
        memory_backing=backing,
        features=Features(**data.get("features", {})),
        machine=_machine(data),
        place=place,
        **_some(data, "host", "iothreads"),
    )


def _cpu(data: Data) -> Cpu:
    return Cpu(
        count=data["count"],
        max=data["max"] if "max" in data else data["count"],
        topology=Topology(**data["topology"]) if "topology" in data else None,
        features=tuple(sorted(data.get("features", {}).items())),
        cache=CpuCache(**data["cache"]) if "cache" in data else None,
        **_some(data, "mode", "model", "fallback", "match", "check", "migratable"),
    )


def _memory_backing(data: Data) -> MemoryBacking:
    return MemoryBacking(
        hugepages_kib=_kib(data, "hugepages"),
        **_some(data, "locked", "nosharepages", "source", "access", "allocation"),
    )


def _numa(data: Data, hugepages_kib: int | None) -> Numa:
    cells = tuple(
        _cell(index, cell, hugepages_kib) for index, cell in enumerate(data.get("cells", ()))
    )
    return Numa(cells=cells, **_some(data, "mode"))


def _cell(index: int, data: Data, hugepages_kib: int | None) -> Cell:
    return Cell(
        id=index,
        cpus=cpus_of(data["cpus"]),
        memory_kib=parse_kib(data["memory"]),
        hugepages_kib=_kib(data, "hugepages") if "hugepages" in data else hugepages_kib,
        distances=tuple(sorted((int(k), v) for k, v in data.get("distances", {}).items())),
        **_some(data, "access", "discard"),
    )


def _pin(data: Data) -> Pin:
    kind = data.get("kind", "any")
    return Pin(
        vcpus=_cpus(data, "vcpus"),
        map=tuple(sorted((int(k), cpus_of(v)) for k, v in data.get("map", {}).items())),
        cpus=_cpus(data, "cpus"),
        kind=None if kind == "any" else kind,
        emulator=_thread_place(data.get("emulator", "own")),
        iothreads=_thread_place(data.get("iothreads", "own")),
        **_some(data, "strategy", "threads", "l3", "numa"),
    )


def _thread_place(value: str | int | list[str | int]) -> ThreadPlace:
    words: tuple[ThreadPlace, ...] = ("own", "share", "isolate")
    return next((word for word in words if word == value), None) or cpus_of(value)


def _tune(data: Data, ceiling: int) -> Tune:
    everyone = span(ceiling)
    scheduler = tuple(
        Scheduler(
            vcpus=cpus_of(entry["vcpus"]) if "vcpus" in entry else everyone,
            **_some(entry, "policy", "priority"),
        )
        for entry in data.get("scheduler", ())
    )
    return Tune(scheduler=scheduler, **_some(data, "shares", "period", "quota"))


def _machine(data: Data) -> Machine:
    serial = data.get("serial")
    return Machine(
        boot=Boot(**data["boot"]) if "boot" in data else None,
        disks=tuple(Disk(**disk) for disk in data.get("disks", ())),
        serial=serial["file"] if isinstance(serial, dict) else serial,
        **_some(data, "base", "machine", "type", "emulator"),
    )


def _some(data: Data, *names: str) -> Data:
    """Pick the fields that are given; the model has the constants for the others."""
    return {name: data[name] for name in names if name in data}


def _cpus(data: Data, name: str) -> CpuSet | None:
    return cpus_of(data[name]) if name in data else None


def _kib(data: Data, name: str) -> int | None:
    return parse_kib(data[name]) if name in data else None
