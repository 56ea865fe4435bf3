"""What a guest's /proc/cpuinfo says of its CPUs, and whether that is what the spec asked for.

Source: arch/x86/kernel/cpu/proc.c of Linux. A guest of one CPU, and other architectures, print no
`physical id`; then the topology is not told, and is not checked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.diagnostics import Outcome, Place, error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kvmc.spec.model import Topology, Vm

_LINE = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_ ()]*?)\s*:\s?(.*?)\s*\Z")
_MAX_CPUS = 65536


class Counts(Struct, frozen=True, kw_only=True):
    """A topology as it shows: (fewest, most) cores a socket and threads a core."""

    sockets: int
    cores: tuple[int, int]
    threads: tuple[int, int]
    cpus: int


class GuestCpus(Struct, frozen=True, kw_only=True):
    """One guest's CPUs."""

    cpus: int
    counts: Counts | None
    """None where the file does not tell."""
    models: tuple[str, ...]
    """The model names, each once."""


def read_guest(text: str, file: str) -> Outcome[GuestCpus]:
    """Read a /proc/cpuinfo; KV753 where no block starts with `processor`."""
    blocks = _blocks(text)
    if not blocks:
        hint = "save the output of `cat /proc/cpuinfo` in the guest"
        return Outcome(
            None, (error("KV753", "this is no /proc/cpuinfo", Place(file=file), hint=hint),)
        )
    places = [
        (b["physical id"], b["core id"]) for b in blocks if {"physical id", "core id"} <= {*b}
    ]
    return Outcome(
        GuestCpus(
            cpus=len(blocks),
            counts=_counts(places) if len(places) == len(blocks) else None,
            models=tuple(dict.fromkeys(b["model name"] for b in blocks if "model name" in b)),
        )
    )


def _blocks(text: str) -> list[dict[str, str]]:
    """Return the fields of each CPU; what stands around them (a console's prompt) is skipped."""
    found: list[dict[str, str]] = []
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        name, value = match.groups()
        if name == "processor" and value.isdigit() and len(found) < _MAX_CPUS:
            found.append({})
        if found:
            found[-1].setdefault(name, value)
    return found


def _counts(places: Sequence[tuple[object, object]]) -> Counts:
    """Count CPUs by (socket, core)."""
    cores: dict[object, set[object]] = {}
    threads: dict[tuple[object, object], int] = {}
    for socket, core in places:
        cores.setdefault(socket, set()).add(core)
        threads[socket, core] = threads.get((socket, core), 0) + 1
    return Counts(
        sockets=len(cores),
        cores=_span(len(ids) for ids in cores.values()),
        threads=_span(threads.values()),
        cpus=len(places),
    )


def _span(numbers: Iterable[int]) -> tuple[int, int]:
    found = list(numbers)
    return min(found), max(found)


def expected(topology: Topology, cpus: int) -> Counts:
    """Return what a guest sees of a topology with its first `cpus` vCPUs there, the rest unplugged.

    vCPU ids count threads first, then cores, clusters, dies, sockets (x86_topo_ids_from_idx of
    QEMU). Dies and clusters are within the socket; /proc/cpuinfo does not show them.
    """
    threads = topology.threads
    cores = topology.dies * topology.clusters * topology.cores
    return _counts([(i // (threads * cores), i // threads) for i in range(cpus)])


def words(counts: Counts) -> str:
    """Return `3 sockets, 1 core each, 2 threads each, 6 CPUs`."""
    return (
        f"{_many((counts.sockets, counts.sockets), 'socket')}, "
        f"{_many(counts.cores, 'core')} each, {_many(counts.threads, 'thread')} each, "
        f"{_many((counts.cpus, counts.cpus), 'CPU')}"
    )


def _many(span: tuple[int, int], word: str) -> str:
    low, high = span
    number = str(low) if low == high else f"{low} to {high}"
    return f"{number} {word}" if high == 1 else f"{number} {word}s"


def compare(
    vm: Vm, topology: Topology, seen: GuestCpus, host_model: str | None
) -> Mapping[str, str]:
    """Return code -> what differs from the spec: KV750 topology, KV751 number, KV752 model.

    `host_model` is the host's model name, which a host-passthrough guest shows; None: unknown.
    """
    found: dict[str, str] = {}
    if seen.cpus != vm.cpu.count:
        found["KV751"] = f"the guest has {seen.cpus} CPUs, the spec {vm.cpu.count}"
    if seen.counts is not None and 0 < seen.cpus <= topology.vcpus:
        asked = expected(topology, seen.cpus)
        if asked != seen.counts:
            found["KV750"] = f"the guest sees {words(seen.counts)}; the spec gives {words(asked)}"
    model = model_name(vm, host_model)
    if model is not None and seen.models and any(one != model for one in seen.models):
        found["KV752"] = f"the guest sees {' and '.join(seen.models)}; the spec gives {model}"
    return found


def model_name(vm: Vm, host_model: str | None) -> str | None:
    """Return the model name the guest should see; None where that cannot be known.

    A host-model is whatever libvirt finds nearest on that host, and so is any fallback.
    """
    if vm.cpu.mode == "host-passthrough":
        return host_model
    if vm.cpu.mode == "custom" and vm.cpu.match != "minimum":
        return _QEMU_NAMES.get(vm.cpu.model or "")
    return None


_QEMU_NAMES = {
    "Broadwell": "Intel Core Processor (Broadwell)",
    "Broadwell-IBRS": "Intel Core Processor (Broadwell, IBRS)",
    "Broadwell-noTSX": "Intel Core Processor (Broadwell, no TSX)",
    "Broadwell-noTSX-IBRS": "Intel Core Processor (Broadwell, no TSX, IBRS)",
    "Cascadelake-Server": "Intel Xeon Processor (Cascadelake)",
    "Cascadelake-Server-noTSX": "Intel Xeon Processor (Cascadelake)",
    "Conroe": "Intel Celeron_4x0 (Conroe/Merom Class Core 2)",
    "Cooperlake": "Intel Xeon Processor (Cooperlake)",
    "Denverton": "Intel Atom Processor (Denverton)",
    "Dhyana": "Hygon Dhyana Processor",
    "EPYC": "AMD EPYC Processor",
    "EPYC-IBPB": "AMD EPYC Processor (with IBPB)",
    "EPYC-Milan": "AMD EPYC-Milan Processor",
    "EPYC-Rome": "AMD EPYC-Rome Processor",
    "Haswell": "Intel Core Processor (Haswell)",
    "Haswell-IBRS": "Intel Core Processor (Haswell, IBRS)",
    "Haswell-noTSX": "Intel Core Processor (Haswell, no TSX)",
    "Haswell-noTSX-IBRS": "Intel Core Processor (Haswell, no TSX, IBRS)",
    "Icelake-Server": "Intel Xeon Processor (Icelake)",
    "Icelake-Server-noTSX": "Intel Xeon Processor (Icelake)",
    "IvyBridge": "Intel Xeon E3-12xx v2 (Ivy Bridge)",
    "IvyBridge-IBRS": "Intel Xeon E3-12xx v2 (Ivy Bridge, IBRS)",
    "Nehalem": "Intel Core i7 9xx (Nehalem Class Core i7)",
    "Nehalem-IBRS": "Intel Core i7 9xx (Nehalem Core i7, IBRS update)",
    "Penryn": "Intel Core 2 Duo P9xxx (Penryn Class Core 2)",
    "SandyBridge": "Intel Xeon E312xx (Sandy Bridge)",
    "SandyBridge-IBRS": "Intel Xeon E312xx (Sandy Bridge, IBRS update)",
    "Skylake-Client": "Intel Core Processor (Skylake)",
    "Skylake-Client-IBRS": "Intel Core Processor (Skylake, IBRS)",
    "Skylake-Client-noTSX-IBRS": "Intel Core Processor (Skylake, IBRS, no TSX)",
    "Skylake-Server": "Intel Xeon Processor (Skylake)",
    "Skylake-Server-IBRS": "Intel Xeon Processor (Skylake, IBRS)",
    "Skylake-Server-noTSX-IBRS": "Intel Xeon Processor (Skylake, IBRS, no TSX)",
    "Westmere": "Westmere E56xx/L56xx/X56xx (Nehalem-C)",
    "Westmere-IBRS": "Westmere E56xx/L56xx/X56xx (IBRS update)",
}
"""QEMU's model -> the model name in its CPUID leaves (`qemu-system-x86_64 -cpu help`, 7.2).

Left out are models whose name changed between QEMU's versions; those are not checked.
"""
