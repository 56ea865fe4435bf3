"""One VM a part of the domain, as a person would write it and a planner place it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet
from kvmc.planner.model import CellPlan, IothreadPin
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
    Scheduler,
    Topology,
    Tune,
)
from tests.support.jobs import GIB, MODES, job, vm

if TYPE_CHECKING:
    from kvmc.render.model import Job

HALVES = (
    Cell(id=0, cpus=CpuSet((0, 1)), memory_kib=GIB // 2, access="shared", distances=((0, 10),)),
    Cell(id=1, cpus=CpuSet((2, 3)), memory_kib=GIB // 2, discard=True),
)
ON_NODE_0 = tuple(
    CellPlan(id=c.id, vcpus=c.cpus, memory_kib=c.memory_kib, host_node=0) for c in HALVES
)
FIFO = Scheduler(vcpus=CpuSet((0,)), policy="fifo", priority=1)
BATCH = Scheduler(vcpus=CpuSet((1,)), policy="batch")


def _cpu(**given: object) -> Job:
    return job(vm(cpu=Cpu(count=2, max=2, **given)))  # type: ignore[arg-type]  # by field name


HERE: dict[str, Job] = {
    "minimal": job(),
    "hotplug": job(vm(1, 4), pins=dict.fromkeys(range(4), "0-1")),
    "pins": job(vm(), pins={0: "0", 1: "1"}, emulator=CpuSet((0, 1))),
    "iothreads": job(
        vm(iothreads=2, machine=Machine(disks=(Disk(file="/kvmc-test.img"),))),
        iothreads=tuple(IothreadPin(id=i, cpus=CpuSet((i - 1,))) for i in (1, 2)),
    ),
    "tune": job(vm(tune=Tune(shares=2048, period=100000, quota=-1, scheduler=(FIFO, BATCH)))),
    "topology": job(vm(8), topology=Topology(sockets=2, dies=2, threads=2)),
    "cells": job(vm(4, numa=Numa(cells=HALVES)), cells=ON_NODE_0),
    "one cell bound": job(vm(4, numa=Numa(cells=HALVES)), cells=(
        CellPlan(id=0, vcpus=CpuSet((0, 1)), memory_kib=1, host_node=None), ON_NODE_0[1])),
    **{
        f"cells {mode}": job(vm(4, numa=Numa(mode=mode, cells=HALVES)), cells=ON_NODE_0)
        for mode in MODES
    },
    **{
        f"memory {mode}": job(memory_nodes=CpuSet((0,)), memory_mode=mode) for mode in MODES
    },
    "backing": job(
        vm(
            memory_backing=MemoryBacking(
                locked=True,
                nosharepages=True,
                source="memfd",
                access="shared",
                allocation="immediate",
            )
        )
    ),
    "features": job(
        vm(features=Features(kvm_hidden=True, kvm_hint_dedicated=True, pmu=False))
    ),
    "maximum": _cpu(mode="maximum", migratable=False, check="none",
                    cache=CpuCache(mode="passthrough")),
    "custom": _cpu(mode="custom", model="qemu64", match="exact", check="none", fallback="forbid",
                   features=(("pcid", "disable"), ("sse4.1", "force"))),
    "cache": _cpu(mode="custom", model="Broadwell", check="none",
                  cache=CpuCache(mode="emulate", level=3)),
    "host-model": _cpu(mode="host-model", fallback="forbid"),
    "boot": job(vm(machine=Machine(
        emulator="/usr/bin/qemu-system-x86_64",
        boot=Boot(kernel="/boot/vmlinuz", initrd="/boot/initrd", cmdline="a='b' \"c\" <d> & é"),
        disks=(Disk(file="/srv/a 'b' & c.qcow2"), Disk(file="/d.raw", format="raw")),
        serial="/var/log/kvmc-test.log",
    ))),
    "pty": job(vm(machine=Machine(serial="pty", machine="pc"))),
    "256 vcpus": job(vm(256)),
}  # fmt: skip
"""Name -> a job for any x86 machine with a NUMA node 0."""

ELSEWHERE: dict[str, Job] = {
    "hugepages": job(vm(memory_backing=MemoryBacking(hugepages_kib=2048)),
                     memory_nodes=CpuSet((1,)), memory_mode="strict"),
    "hugepages of cells": job(
        vm(4, numa=Numa(cells=(
            Cell(id=0, cpus=CpuSet((0, 1)), memory_kib=GIB, hugepages_kib=GIB),
            Cell(id=1, cpus=CpuSet((2, 3)), memory_kib=GIB, hugepages_kib=2048),
        )), memory_kib=2 * GIB),
        pins={0: "2", 1: "3", 2: "10", 3: "11"},
        cells=(
            CellPlan(id=0, vcpus=CpuSet((0, 1)), memory_kib=GIB, host_node=0),
            CellPlan(id=1, vcpus=CpuSet((2, 3)), memory_kib=GIB, host_node=1),
        ),
    ),
}  # fmt: skip
"""Name -> a job for a host with two nodes and huge pages: for parsers only."""
