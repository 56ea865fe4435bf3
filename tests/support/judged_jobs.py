"""Any number of different VMs with their plans, each from a number; for a host of 4 nodes."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Literal

from kvmc.cpuset import CpuSet
from kvmc.planner.model import CellPlan, IothreadPin
from kvmc.spec.model import (
    Cell,
    Cpu,
    CpuCache,
    Disk,
    Features,
    Machine,
    MemoryBacking,
    Numa,
    NumaMode,
    Topology,
    Vm,
)
from tests.support.jobs import MODES, plan, vm

if TYPE_CHECKING:
    from collections.abc import Sequence

from kvmc.render.model import Job

MIB = 1024
GIB = 1024 * MIB
FEATURES = (
    "pcid", "hle", "rtm", "sse4.1", "sse4.2", "lahf_lm", "pclmuldq", "tsc_adjust", "cmp_legacy",
    "fxsr_opt", "nodeid_msr", "perfctr_core", "perfctr_nb", "ds_cpl", "tsc-deadline", "x2apic",
    "avx512f", "invtsc", "arch-capabilities", "spec-ctrl", "topoext", "vmx", "svm", "xsaves",
    "osxsave", "cmt",
)  # fmt: skip
SOURCES: tuple[Any, ...] = (None, None, "anonymous", "file", "memfd")
ALLOCATIONS: tuple[Any, ...] = (None, None, "immediate", "ondemand")
MODELS = ("qemu64", "Broadwell", "Haswell-noTSX", "EPYC", "Skylake-Server-IBRS", "kvm64", "Penryn")


def judged_job(number: int, *, here: bool = False) -> Job:
    """Return the job of a number; with `here`, one that real QEMU starts on a small machine.

    That leaves out what this machine may lack: other nodes than 0, huge pages, much memory, KVM.
    """
    random = Random(number)  # noqa: S311 - a seed, not a secret
    cpu = _cpu(random, here=here)
    numa = _numa(random, cpu.max, here=here)
    small = [64 * MIB, 96 * MIB] if here else [GIB, 3 * GIB, 700 * MIB, 4 * GIB + 300, 2 * GIB + 1]
    backing = _backing(random, numa, here=here)
    paged = backing.hugepages_kib is not None  # memory is a whole number of pages
    iothreads = random.choice((0, 0, 1, 3))
    free = cpu.mode != "host-passthrough" and random.random() < 0.5
    kind: Literal["kvm", "qemu"] = "qemu" if here or free else "kvm"
    asked = vm(
        name=random.choice(("kvmc-test-judge", "kvmc-test-a,b=c", "kvmc-test-ä 'q' \"d\"")),
        cpu=cpu,
        numa=numa,
        memory_kib=sum(c.memory_kib for c in numa.cells)
        or (2 * GIB if paged else random.choice(small)),
        iothreads=iothreads,
        memory_backing=backing,
        features=Features(
            kvm_hidden=random.choice((None, True, False)),
            kvm_hint_dedicated=random.choice((None, True, False)),
            pmu=random.choice((None, True, False)),
        ),
        machine=Machine(
            type=kind,
            machine=random.choice((None, "q35", "pc", "pc-q35-6.1", "pc-i440fx-4.2"))
            if cpu.max <= 255
            else "q35",
            disks=()
            if here
            else tuple(
                Disk(file=f"/srv/a,b={i} 'c'.img", format="raw")
                for i in range(random.randint(0, 3))
            ),
        ),
    )
    return Job(vm=asked, plan=_plan(random, asked, here=here))


def _cpu(random: Random, *, here: bool) -> Cpu:
    levels: dict[str, Any] = {
        "sockets": random.choice((1, 1, 2, 3)),
        "dies": random.choice((1, 1, 2)),
        "cores": random.choice((1, 2, 3, 4)),
        "threads": random.choice((1, 2)),
    }
    if not here and random.random() < 0.03:
        levels = {"sockets": 1, "dies": 1, "cores": 128, "threads": 2}
    topology = Topology(**levels)
    modes = [None, "maximum", "custom", "custom", "host-model"]
    mode = random.choice(modes if here else [*modes, "host-passthrough"])
    model = random.choice(MODELS) if mode == "custom" else None
    return Cpu(
        count=random.choice((1, topology.vcpus, random.randint(1, topology.vcpus))),
        max=topology.vcpus,
        topology=topology,
        mode=mode,  # type: ignore[arg-type]  # one of the four
        model=model,
        match=random.choice((None, "exact", "exact", "minimum")) if model else None,
        check="none" if mode else None,
        fallback=random.choice((None, "allow")) if model else None,
        migratable=random.choice((None, True, False))
        if mode in ("maximum", "host-passthrough")
        else None,
        features=_features(random) if mode else (),
        cache=_cache(random, mode),
    )


def _features(random: Random) -> tuple[tuple[str, str], ...]:
    names = random.sample(FEATURES, random.choice((0, 0, 1, 2, 5)))
    policies = ("force", "require", "disable", "forbid")
    return tuple(sorted((name, random.choice(policies)) for name in names))


def _cache(random: Random, mode: str | None) -> CpuCache | None:
    caches = [None, None, CpuCache(mode="emulate", level=3), CpuCache(mode="disable")]
    if mode in ("maximum", "host-passthrough"):
        caches.append(CpuCache(mode="passthrough"))
    return random.choice(caches)


def _numa(random: Random, ceiling: int, *, here: bool) -> Numa:
    count = min(random.choice((0, 0, 1, 2, 3)), ceiling)
    mode: NumaMode = random.choice(MODES)
    owner = [*range(count), *(random.randrange(max(count, 1)) for _ in range(ceiling))][:ceiling]
    pages = (None, None, None, 4) if here else (None, None, None, 4, 2 * MIB, GIB)
    return Numa(
        mode=mode,
        cells=tuple(_cell(random, i, owner, pages, count, here=here) for i in range(count)),
    )


def _cell(
    random: Random, number: int, owner: Sequence[int], pages: Sequence[int | None], count: int,
    *, here: bool,
) -> Cell:  # fmt: skip
    page = random.choice(pages)
    sizes = [64 * MIB] if here else [GIB, 3 * GIB, 512 * MIB + 1, 5 * GIB - 4]
    others = [j for j in range(count) if random.random() < 0.4]
    given = tuple((j, 10 if j == number else random.choice((21, 31, 254))) for j in others)
    return Cell(
        id=number,
        cpus=CpuSet(i for i, cell in enumerate(owner) if cell == number),
        memory_kib=random.choice((1, 2, 4)) * GIB if page and page > 4 else random.choice(sizes),
        access=random.choice((None, None, "shared", "private")),
        hugepages_kib=page,
        discard=random.choice((None, True, False)),
        distances=given if random.random() < 0.5 else (),
    )


def _backing(random: Random, numa: Numa, *, here: bool) -> MemoryBacking:
    page = None if here or numa.cells else random.choice((None, None, 2 * MIB, GIB))
    # libvirt: "hugepages are not allowed with" anonymous memory or allocation ondemand
    paged = page is not None or any(cell.hugepages_kib is not None for cell in numa.cells)
    return MemoryBacking(
        hugepages_kib=page,
        locked=not here and random.random() < 0.3,
        nosharepages=random.random() < 0.3,
        source=random.choice((None, "file", "memfd") if paged else SOURCES),
        access=random.choice((None, None, "shared", "private")),
        allocation=random.choice((None, "immediate") if paged else ALLOCATIONS),
    )


def _plan(random: Random, asked: Vm, *, here: bool) -> Any:
    nodes = [0] if here else list(range(4))
    whole = not asked.numa.cells and random.random() < 0.5
    bound = random.choice(("all", "none", "some"))
    cells = tuple(
        CellPlan(
            id=c.id,
            vcpus=c.cpus,
            memory_kib=c.memory_kib,
            host_node=random.choice(nodes)
            if bound == "all" or (bound == "some" and random.random() < 0.5)
            else None,
        )
        for c in asked.numa.cells
    )
    return plan(
        asked,
        {i: str(i % 8) for i in range(asked.cpu.max)} if random.random() < 0.5 else None,
        emulator=random.choice((None, CpuSet((0, 1)))),
        iothreads=tuple(
            IothreadPin(id=i + 1, cpus=random.choice((None, CpuSet((1,)))))
            for i in range(asked.iothreads)
        ),
        cells=cells,
        memory_nodes=CpuSet(random.sample(nodes, random.randint(1, len(nodes)))) if whole else None,
        memory_mode=asked.numa.mode if whole else None,
    )
