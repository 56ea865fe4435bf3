"""Jobs for renderers: small ones by hand, and any that the planner could hand over."""

from __future__ import annotations

from typing import Any, Literal

from hypothesis import strategies as st

from kvmc.cpuset import CpuSet
from kvmc.diagnostics import Place
from kvmc.planner.model import CellPlan, IothreadPin, VcpuPin, VmPlan
from kvmc.render.model import Job
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
    NumaMode,
    Scheduler,
    Topology,
    Tune,
    Vm,
)

PLACE = Place(file="vms/test.yaml")
MODES: tuple[NumaMode, ...] = ("strict", "preferred", "interleave", "restrictive")
POLICIES: tuple[tuple[Literal["fifo", "rr", "batch", "idle"], int | None], ...] = (
    ("fifo", 1),
    ("rr", 99),
    ("batch", None),
    ("idle", None),
)
GIB = 1024 * 1024
"""One GiB in KiB."""


def vm(count: int = 2, ceiling: int | None = None, **given: Any) -> Vm:
    """Return a VM with `count` vCPUs and 1 GiB."""
    cpu = given.pop("cpu", None) or Cpu(count=count, max=ceiling or count)
    return Vm(**{"name": "kvmc-test-vm", "memory_kib": GIB, "cpu": cpu, "place": PLACE, **given})


def plan(asked: Vm, pins: dict[int, str] | None = None, **given: Any) -> VmPlan:
    """Return a plan with those vCPU pins, one socket, and cells bound nowhere."""
    cpus = {vcpu: CpuSet.parse(text) for vcpu, text in (pins or {}).items()}
    vcpus = tuple(
        VcpuPin(
            id=i,
            cpus=cpus.get(i),
            dedicated=False,
            boot=i < asked.cpu.count,
            cell=asked.cell_of(i),
        )
        for i in range(asked.cpu.max)
    )
    default: dict[str, Any] = {
        "name": asked.name,
        "strategy": "manual" if pins else "none",
        "threads": None,
        "topology": asked.cpu.topology or Topology(cores=asked.cpu.max),
        "vcpus": vcpus,
        "emulator": None,
        "iothreads": tuple(IothreadPin(id=i + 1, cpus=None) for i in range(asked.iothreads)),
        "cells": tuple(
            CellPlan(id=c.id, vcpus=c.cpus, memory_kib=c.memory_kib, host_node=None)
            for c in asked.numa.cells
        ),
    }
    return VmPlan(**(default | given))


def job(asked: Vm | None = None, base: bytes | None = None, **given: Any) -> Job:
    """Return a job; what is given goes to the plan."""
    asked = asked or vm()
    return Job(vm=asked, plan=plan(asked, **given), base=base)


_WORDS = st.text(
    st.sampled_from("aB7-_.") | st.sampled_from("&<>'\"/ ;]%{}äλ🐧"), min_size=1, max_size=12
)
_NAMES = _WORDS.map(lambda word: f"kvmc-test-{word.replace('/', '')}")
_PATHS = _WORDS.map(lambda word: f"/var/{word}")
_CPUS = st.sets(st.integers(0, 15), min_size=1).map(CpuSet)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def _cpus(draw: st.DrawFn) -> Cpu:
    """CPUs that the schema and the rules let through."""
    fields = st.sampled_from((1, 2))
    topology = Topology(
        sockets=draw(fields), dies=draw(fields), cores=draw(st.integers(1, 3)), threads=draw(fields)
    )
    mode = draw(_maybe(st.sampled_from(("host-model", "host-passthrough", "maximum", "custom"))))
    host = mode in ("host-passthrough", "maximum")
    features = draw(
        st.dictionaries(
            st.sampled_from(("pcid", "hle", "sse4.1")), st.sampled_from(("require", "disable"))
        )
    )
    caches = [CpuCache(mode="emulate", level=3), CpuCache(mode="disable")]
    return Cpu(
        count=draw(st.integers(1, topology.vcpus)),
        max=topology.vcpus,
        topology=topology,
        mode=mode,
        model=draw(st.sampled_from(("Broadwell", "qemu64"))) if mode == "custom" else None,
        fallback=draw(_maybe(st.sampled_from(("allow", "forbid")))) if mode else None,
        match=draw(_maybe(st.sampled_from(("exact", "strict")))) if mode == "custom" else None,
        check=draw(_maybe(st.sampled_from(("none", "partial", "full")))) if mode else None,
        migratable=draw(_maybe(st.booleans())) if host else None,
        features=tuple(sorted(features.items())) if mode else (),
        cache=draw(
            _maybe(st.sampled_from([*caches, CpuCache(mode="passthrough")] if host else caches))
        ),
    )


@st.composite
def _numas(draw: st.DrawFn, ceiling: int) -> Numa:
    """No cells, or 1 to 3 that share the vCPUs out in turn."""
    count = min(draw(st.integers(0, 3)), ceiling)
    cells = tuple(
        Cell(
            id=i,
            cpus=CpuSet(range(i, ceiling, count)),
            memory_kib=GIB,
            access=draw(_maybe(st.sampled_from(("shared", "private")))),
            hugepages_kib=draw(_maybe(st.sampled_from((2048, GIB)))),
            discard=draw(_maybe(st.booleans())),
            distances=draw(
                st.sampled_from(((), tuple((j, 10 + 11 * (j != i)) for j in range(count))))
            ),
        )
        for i in range(count)
    )
    return Numa(mode=draw(st.sampled_from(MODES)), cells=cells)


@st.composite
def _tunes(draw: st.DrawFn, ceiling: int) -> Tune:
    split = draw(st.integers(0, ceiling))
    halves = [CpuSet(range(split)), CpuSet(range(split, ceiling))]
    schedulers = []
    for half in halves:
        policy, priority = draw(st.sampled_from(POLICIES))
        if half and draw(st.booleans()):
            schedulers.append(Scheduler(vcpus=half, policy=policy, priority=priority))
    return Tune(
        shares=draw(_maybe(st.integers(2, 10000))),
        period=draw(_maybe(st.integers(1000, 1000000))),
        quota=draw(_maybe(st.sampled_from((-1, 1000, 50000)))),
        scheduler=tuple(schedulers),
    )


_BACKINGS = st.builds(
    MemoryBacking,
    hugepages_kib=_maybe(st.sampled_from((2048, GIB))),
    locked=st.booleans(),
    nosharepages=st.booleans(),
    source=_maybe(st.sampled_from(("anonymous", "file", "memfd"))),
    access=_maybe(st.sampled_from(("shared", "private"))),
    allocation=_maybe(st.sampled_from(("immediate", "ondemand"))),
)
_FEATURES = st.builds(
    Features,
    kvm_hidden=_maybe(st.booleans()),
    kvm_hint_dedicated=_maybe(st.booleans()),
    pmu=_maybe(st.booleans()),
)
_MACHINES = st.builds(
    Machine,
    machine=_maybe(st.sampled_from(("q35", "pc", "pc-q35-7.2"))),
    type=_maybe(st.sampled_from(("kvm", "qemu"))),
    emulator=_maybe(_PATHS),
    boot=_maybe(st.builds(Boot, kernel=_PATHS, initrd=_maybe(_PATHS), cmdline=_maybe(_WORDS))),
    disks=st.lists(
        st.builds(Disk, file=_PATHS | st.just("a.img"), format=st.sampled_from(("qcow2", "raw"))),
        max_size=3,
    ).map(tuple),
    serial=_maybe(st.just("pty") | _PATHS),
)


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """Return any job without a base that the spec's rules and the planner's model allow."""
    cpu = draw(_cpus())
    numa = draw(_numas(cpu.max))
    asked = vm(
        name=draw(_NAMES),
        cpu=cpu,
        numa=numa,
        memory_kib=GIB * max(1, len(numa.cells)),
        iothreads=draw(st.integers(0, 3)),
        tune=draw(_tunes(cpu.max)),
        memory_backing=draw(_BACKINGS),
        features=draw(_FEATURES),
        machine=draw(_MACHINES),
    )
    pinned = draw(st.booleans())
    nodes = None if numa.cells else draw(_maybe(st.just(CpuSet((0, 1)))))
    iothreads = range(1, asked.iothreads + 1)
    planned = plan(
        asked,
        {i: str(draw(_CPUS)) for i in range(cpu.max)} if pinned else None,
        emulator=draw(_maybe(_CPUS)),
        iothreads=tuple(IothreadPin(id=i, cpus=draw(_maybe(_CPUS))) for i in iothreads),
        cells=tuple(
            CellPlan(
                id=c.id,
                vcpus=c.cpus,
                memory_kib=c.memory_kib,
                host_node=draw(_maybe(st.integers(0, 1))),
            )
            for c in numa.cells
        ),
        memory_nodes=nodes,
        memory_mode=numa.mode if nodes else None,
    )
    return Job(vm=asked, plan=planned)
