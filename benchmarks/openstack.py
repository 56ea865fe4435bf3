"""Nova beside kvmc: finds a Python that has it, and puts the same questions to it.

Looked for in $KVMC_NOVA_PYTHON, in .venv/nova (which `make bench` fills) and in this interpreter.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.property.seats import Seating

from kvmc.cpuset import CpuSet

if TYPE_CHECKING:
    from benchmarks.fleets import Fleet
    from kvmc.host.model import Host
    from kvmc.spec.model import Vm

ROOT = Path(__file__).resolve().parents[1]
SIDE = Path(__file__).with_name("nova_side.py")
MIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Nova made of a fleet."""

    refused: frozenset[str]
    """VMs without a place."""
    broken: frozenset[str]
    """VMs said to fit, with pins that cannot be booked: no place either."""
    fits: tuple[float, ...]
    """CPU seconds of each numa_fit_instance_to_host, in the order of the arrivals."""
    claims: float
    """CPU seconds of all numa_usage_from_instance_numa."""
    late: bool
    """One call was cut off at the limit; nothing after it was tried."""
    seatings: tuple[Seating, ...]


@dataclass
class Nova:
    """A running Nova side; speaks one JSON line a question."""

    python: str
    version: str = ""
    speaks: str = ""
    """Its Python's version."""
    limit: float = 10.0
    """Wall-clock seconds one call may take."""
    _child: subprocess.Popen[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._child = subprocess.Popen(
            [self.python, "-P", "-W", "ignore", str(SIDE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        hello = self._line()
        self.version, self.speaks = hello["nova"], hello["python"]

    def _line(self) -> dict[str, Any]:
        assert self._child.stdout is not None  # noqa: S101 - for the type checker
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"the Nova side of {self.python} ended with {self._child.wait()}")
        return dict(json.loads(line))

    def ask(self, fleet: Fleet, *, pack: bool) -> Answer:
        """Let the fleet arrive, packed on the fullest nodes first or spread over the emptiest."""
        assert self._child.stdin is not None  # noqa: S101
        question = {
            "host": _host(fleet.host),
            "vms": [_vm(vm) for vm in fleet.vms],
            "events": fleet.arrivals,
            "pack": pack,
            "limit": self.limit,
        }
        self._child.stdin.write(json.dumps(question) + "\n")
        self._child.stdin.flush()
        said = self._line()
        named = {vm.name: vm for vm in fleet.vms}
        return Answer(
            refused=frozenset(said["refused"]),
            broken=frozenset(said["broken"]),
            fits=tuple(said["fits"]),
            claims=said["claims"],
            late=said["late"],
            seatings=tuple(_seating(named[name], pins) for name, pins in said["pins"].items()),
        )

    def close(self) -> None:
        """End it."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._child.wait()


def find() -> Nova | None:
    """Return a running Nova, or None where there is none on this machine."""
    places = [os.environ.get("KVMC_NOVA_PYTHON", ""), str(ROOT / ".venv/nova/bin/python")]
    for python in (*filter(os.path.exists, places), sys.executable):
        question = [python, "-P", "-W", "ignore", "-c", "import nova.virt.hardware"]
        if subprocess.run(question, capture_output=True, check=False).returncode == 0:
            return Nova(python)
    return None


def _host(host: Host) -> dict[str, Any]:
    return {
        "nodes": [
            {
                "id": node.id,
                "memory_mib": (node.memory_kib or 0) // MIB,
                "socket": cores[0].package,
                "cpus": sorted(cpu for core in cores for cpu in core.cpus),
                "cores": [list(core.cpus) for core in cores],
            }
            for node in host.nodes
            if (cores := [core for core in host.cores if core.node == node.id])
        ]
    }


def _vm(vm: Vm) -> dict[str, Any]:
    """Return hw:cpu_policy=dedicated, hw:cpu_thread_policy and the cells; none is one cell."""
    runs = [(c.cpus, c.memory_kib) for c in vm.numa.cells]
    runs = runs or [(CpuSet(range(vm.cpu.max)), vm.memory_kib)]
    cells = [{"vcpus": list(cpus), "memory_mib": memory // MIB} for cpus, memory in runs]
    return {"name": vm.name, "threads": vm.pin.threads, "cells": cells}


def _seating(vm: Vm, cells: list[Any]) -> Seating:
    pins = {int(vcpu): int(cpu) for _, pairs in cells for vcpu, cpu in pairs}
    return Seating(vm=vm, vcpus=pins, extras=(), nodes={})
