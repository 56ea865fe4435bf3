"""A plan for machines (contract section 6) and for people (a table a host)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmc.cpuset import union
from kvmc.report.style import printable
from kvmc.report.table import table
from kvmc.units import format_kib
from kvmc.words import nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmc.cpuset import CpuSet
    from kvmc.planner.model import HostPlan, Plan, VcpuPin, VmPlan
    from kvmc.report.style import Style


def to_json(plan: Plan, files: Mapping[tuple[str | None, str], str]) -> dict[str, Any]:
    """Return the object that `kvmc plan --format json` prints, less the diagnostics.

    `files` maps (host name or None, VM name) to the file the VM was read from.
    """
    return {
        "kvmc": "v1",
        "kind": "plan",
        "hosts": [_host_json(host, files) for host in plan.hosts],
    }


def _host_json(plan: HostPlan, files: Mapping[tuple[str | None, str], str]) -> dict[str, Any]:
    name = plan.host.name if plan.host else None
    return {
        "name": name,
        "fingerprint": plan.host.fingerprint if plan.host else None,
        "vms": [_vm_json(vm, files.get((name, vm.name))) for vm in plan.vms],
        "unplaced": [
            {"name": u.name, "reason": u.reason, "proven": u.proven} for u in plan.unplaced
        ],
    }


def _text(cpus: CpuSet | None) -> str | None:
    return None if cpus is None else str(cpus)


def _vm_json(vm: VmPlan, file: str | None) -> dict[str, Any]:
    topology = vm.topology
    return {
        "name": vm.name,
        "file": file,
        "strategy": vm.strategy,
        "threads": vm.threads,
        "topology": {
            "sockets": topology.sockets,
            "dies": topology.dies,
            "clusters": topology.clusters,
            "cores": topology.cores,
            "threads": topology.threads,
        },
        "vcpus": [
            {
                "id": pin.id,
                "cpus": _text(pin.cpus),
                "dedicated": pin.dedicated,
                "boot": pin.boot,
                "cell": pin.cell,
            }
            for pin in vm.vcpus
        ],
        "emulator": _text(vm.emulator),
        "iothreads": [{"id": t.id, "cpus": _text(t.cpus)} for t in vm.iothreads],
        "cells": [
            {
                "id": cell.id,
                "vcpus": str(cell.vcpus),
                "memory_kib": cell.memory_kib,
                "host_node": cell.host_node,
            }
            for cell in vm.cells
        ],
        "moved": vm.moved,
    }


def to_text(plan: HostPlan, sizes: Mapping[str, int], style: Style, room: int | None = None) -> str:
    """Return one line a VM: its vCPUs, their host CPUs, memory, emulator and I/O threads.

    `sizes` maps a VM to its memory in KiB. `room` is the width of the terminal; a line of CPUs that
    is longer is folded.
    """
    rows = [_row(vm, sizes[vm.name]) for vm in plan.vms]
    head = ("VM", "vCPUs", "topology", "host CPUs", "memory", "emulator", "I/O threads")
    lines = table(head, rows, style, room) if rows else []
    for left in plan.unplaced:
        lines.append(
            f"{style.paint('not placed', '1;31')} {printable(left.name)}: {printable(left.reason)}"
        )
    return "".join(f"{line}\n" for line in lines)


def _row(vm: VmPlan, kib: int) -> tuple[str, ...]:
    boot = sum(pin.boot for pin in vm.vcpus)
    count = f"{boot}" if boot == len(vm.vcpus) else f"{boot} of {len(vm.vcpus)}"
    t = vm.topology
    shape = f"{t.sockets}x{t.dies * t.clusters}x{t.cores}x{t.threads}"
    io = union(thread.cpus for thread in vm.iothreads if thread.cpus)
    return (
        printable(vm.name),
        count,
        shape if t.dies * t.clusters > 1 else f"{t.sockets}x{t.cores}x{t.threads}",
        pins_text(vm),
        _memory_text(vm, kib),
        str(vm.emulator or ""),
        str(io),
    )


def pins_text(vm: VmPlan) -> str:
    """Return the pins in vCPU order, guest cores joined: `9+37 11+39 6+34`; floating as `(0-3)`."""
    parts: list[str] = []
    for start in range(0, len(vm.vcpus), vm.topology.threads):
        group = vm.vcpus[start : start + vm.topology.threads]
        if all(pin.dedicated for pin in group):
            parts.append("+".join(str(pin.cpus) for pin in group))
        else:
            parts += [_pin_text(pin) for pin in group]
    # What floats on one set is told once.
    return " ".join(dict.fromkeys(parts))


def _pin_text(pin: VcpuPin) -> str:
    if pin.cpus is None:
        return "floating"
    return str(pin.cpus) if pin.dedicated else f"({pin.cpus})"


def _memory_text(vm: VmPlan, kib: int) -> str:
    where = f" on {nodes(vm.memory_nodes)}" if vm.memory_nodes else ""
    mode = "" if vm.memory_mode in (None, "strict") else f" ({vm.memory_mode})"
    return cells_text(vm) or f"{format_kib(kib)}{where}{mode}"


def cells_text(vm: VmPlan) -> str:
    """Return `8GiB on node 0, 16GiB on node 1` for the guest cells that have a host node."""
    return ", ".join(
        f"{format_kib(c.memory_kib)} on node {c.host_node}"
        for c in vm.cells
        if c.host_node is not None
    )
