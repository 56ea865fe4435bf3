"""A `Vm` as the text of its file: the reverse of `kvmc.spec.load`."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from kvmc.cpuset import CpuSet, span
from kvmc.source.quote import quote
from kvmc.spec.model import Cpu, Features, MemoryBacking, Numa, Pin, Topology, Tune
from kvmc.units import format_kib

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from msgspec import Struct

    from kvmc.spec.model import Cell, Machine, Scheduler, Vm

    Fields = dict[str, Any]
    """Field -> a scalar as YAML text, a mapping of such, or a list of mappings."""

_WIDTH = 100
_GLUE = "\N{NO-BREAK SPACE}"
"""Stands for a space where a line must not be broken."""


def dump_vm(vm: Vm, schema: str = "../schemas/vm.json") -> str:
    """Return the text of a `kind: vm` file, which `load_vm` reads back as an equal VM.

    Fields at their default are left out. `schema` is what the modeline names for
    yaml-language-server: a path relative to the file, or a URL. The same VM gives the same bytes.
    """
    lines = [f"# yaml-language-server: $schema={schema}", "kvmc: v1", "kind: vm"]
    for name, value in _vm(vm).items():
        if isinstance(value, list):
            lines += [f"{name}:", *(_item("  - ", entry) for entry in value)]
        elif isinstance(value, dict):
            lines += [f"{name}:", *(line for key, v in value.items() for line in _field(key, v))]
        else:
            lines.append(f"{name}: {value}")
    return "\n".join(lines).replace(_GLUE, " ") + "\n"


def _field(name: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - a value of Fields
    if isinstance(value, list):
        yield f"  {name}:"
        yield from (_item("    - ", entry) for entry in value)
    elif isinstance(value, dict):
        yield _item(f"  {name}: ", value)
    else:
        yield f"  {name}: {value}"


def _item(lead: str, fields: Fields) -> str:
    """Return a flow mapping behind its lead, on as many lines as it takes."""
    deeper = " " * (len(lead) - len(lead.lstrip()) + 4)
    return textwrap.fill(
        lead.replace(" ", _GLUE) + _flow(fields, " "),
        _WIDTH,
        subsequent_indent=deeper,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _flow(fields: Mapping[str, Any], glue: str = _GLUE) -> str:
    pairs = (
        f"{key}:{_GLUE}{_flow(value) if isinstance(value, dict) else value.replace(' ', _GLUE)}"
        for key, value in fields.items()
    )
    return "{" + f",{glue}".join(pairs) + "}"


def _vm(vm: Vm) -> Fields:
    fields: Fields = {"name": quote(vm.name)}
    if vm.host is not None:
        fields["host"] = quote(vm.host)
    fields["memory"] = format_kib(vm.memory_kib)
    fields["cpu"] = _cpu(vm.cpu)
    fields["numa"] = _numa(vm)
    fields["pin"] = _pin(vm.pin)
    fields["iothreads"] = str(vm.iothreads) if vm.iothreads else None
    fields["tune"] = _tune(vm)
    fields["memory_backing"] = _changed(vm.memory_backing, MemoryBacking())
    fields["features"] = _changed(vm.features, Features())
    return {name: value for name, value in (fields | _machine(vm.machine)).items() if value}


def _cpu(cpu: Cpu) -> Fields:
    fields: Fields = {"count": str(cpu.count)}
    if cpu.max != cpu.count:
        fields["max"] = str(cpu.max)
    if cpu.topology is not None:
        # An empty mapping would do for 1 x 1 x 1; a number says more.
        fields["topology"] = _changed(cpu.topology, Topology()) or {"sockets": "1"}
    plain = Cpu(count=cpu.count, max=cpu.max, features=cpu.features, cache=cpu.cache)
    fields |= _changed(cpu, plain, skip=("topology",))
    if cpu.features:
        fields["features"] = {quote(name): policy for name, policy in cpu.features}
    if cpu.cache is not None:
        level = {} if cpu.cache.level is None else {"level": str(cpu.cache.level)}
        fields["cache"] = {"mode": cpu.cache.mode} | level
    return fields


def _numa(vm: Vm) -> Fields:
    fields = _changed(vm.numa, Numa(), skip=("cells",))
    if vm.numa.cells:
        fields["cells"] = [_cell(c, vm.memory_backing.hugepages_kib) for c in vm.numa.cells]
    return fields


def _cell(cell: Cell, hugepages_kib: int | None) -> Fields:
    fields: Fields = {"cpus": _scalar("cpus", cell.cpus), "memory": format_kib(cell.memory_kib)}
    if cell.access is not None:
        fields["access"] = cell.access
    if cell.hugepages_kib is not None and cell.hugepages_kib != hugepages_kib:
        fields["hugepages"] = format_kib(cell.hugepages_kib)
    if cell.discard is not None:
        fields["discard"] = _scalar("discard", cell.discard)
    if cell.distances:
        fields["distances"] = {str(other): str(value) for other, value in cell.distances}
    return fields


def _pin(pin: Pin) -> Fields:
    fields = _changed(pin, Pin(), skip=("map",))
    if pin.map:
        given = {str(vcpu): _scalar("map", cpus) for vcpu, cpus in pin.map}
        return {"strategy": pin.strategy, "map": given} | fields
    return fields


def _tune(vm: Vm) -> Fields:
    fields = _changed(vm.tune, Tune(), skip=("scheduler",))
    if vm.tune.scheduler:
        everyone = span(vm.cpu.max)
        fields["scheduler"] = [_scheduler(entry, everyone) for entry in vm.tune.scheduler]
    return fields


def _scheduler(entry: Scheduler, everyone: CpuSet) -> Fields:
    fields = {} if entry.vcpus == everyone else {"vcpus": _scalar("vcpus", entry.vcpus)}
    fields["policy"] = entry.policy
    if entry.priority is not None:
        fields["priority"] = str(entry.priority)
    return fields


def _machine(machine: Machine) -> Fields:
    words = ("base", "machine", "type", "emulator")
    fields: Fields = {n: quote(v) for n in words if (v := getattr(machine, n)) is not None}
    if machine.boot is not None:
        parts = ("kernel", "initrd", "cmdline")
        boot = {n: getattr(machine.boot, n) for n in parts}
        fields["boot"] = {n: quote(v) for n, v in boot.items() if v is not None}
    fields["disks"] = [
        {"file": quote(d.file)} | ({} if d.format == "qcow2" else {"format": d.format})
        for d in machine.disks
    ]
    if machine.serial is not None:
        serial = machine.serial
        fields["serial"] = "pty" if serial == "pty" else {"file": quote(serial)}
    return fields


def _changed(value: Struct, default: Struct, skip: tuple[str, ...] = ()) -> Fields:
    """Return the fields of a model object that are not at their default, as YAML text."""
    return {
        name.removesuffix("_kib"): _scalar(name, given)
        for name in value.__struct_fields__
        if name not in skip and (given := getattr(value, name)) != getattr(default, name)
    }


def _scalar(name: str, value: object) -> str:
    """Return a value of the model as YAML text: sizes by their field's name, sets as CPU sets."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, CpuSet):
        return str(value) if len(value) == 1 else quote(str(value))
    if isinstance(value, int):
        return format_kib(value) if name.endswith("_kib") else str(value)
    return quote(str(value))
