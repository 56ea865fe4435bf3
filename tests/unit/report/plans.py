"""Plans written by hand, CPU by CPU: what a picture shows does not depend on the planner."""

from __future__ import annotations

from kvmc.cpuset import EMPTY, CpuSet
from kvmc.planner.model import HostPlan, IothreadPin, VcpuPin, VmPlan
from kvmc.spec.model import Topology


def vm(name: str, cpus: str, **changes: object) -> VmPlan:
    """Return a VM whose vCPU n is alone on the n-th of the CPUs, with threads: require."""
    ids = list(CpuSet.parse(cpus))
    facts: dict[str, object] = {
        "strategy": "dedicated",
        "threads": "require",
        "topology": Topology(cores=len(ids)),
        "vcpus": tuple(
            VcpuPin(id=n, cpus=CpuSet([cpu]), dedicated=True, boot=True, cell=None)
            for n, cpu in enumerate(ids)
        ),
        "emulator": CpuSet(ids),
        "iothreads": (),
        "cells": (),
    }
    return VmPlan(name=name, **{**facts, **changes})  # type: ignore[arg-type]


def floating(name: str, cpus: str, count: int, **changes: object) -> VmPlan:
    """Return a VM of `count` vCPUs that all float on the CPUs."""
    where = CpuSet.parse(cpus)
    pins = tuple(
        VcpuPin(id=n, cpus=where, dedicated=False, boot=True, cell=None) for n in range(count)
    )
    facts: dict[str, object] = {
        "strategy": "shared",
        "threads": None,
        "vcpus": pins,
        "topology": Topology(cores=count),
        "emulator": where,
    }
    return vm(name, "", **{**facts, **changes})


def iothread(number: int, cpus: str) -> IothreadPin:
    return IothreadPin(id=number, cpus=CpuSet.parse(cpus) or EMPTY)


def plan(host: object, *vms: VmPlan, **changes: object) -> HostPlan:
    return HostPlan(host=host, vms=vms, **changes)  # type: ignore[arg-type]
