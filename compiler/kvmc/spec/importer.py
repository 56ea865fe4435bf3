"""A `Domain` to the `Vm` that says the same: the reverse of rendering, pins by hand.

The strategy is `manual` where every vCPU is pinned, else `none`: what a host has free is not in a
domain, so that nothing is turned into `dedicated` or `shared` here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.cpuset import CpuSet, union
from kvmc.spec.model import (
    Cpu,
    Machine,
    MemoryBacking,
    Numa,
    Pin,
    Scheduler,
    Tune,
    Vm,
)

if TYPE_CHECKING:
    from kvmc.spec.domain.model import Domain, Policy
    from kvmc.spec.model import NumaMode, ThreadPlace


def vm_of(
    domain: Domain,
    *,
    base: str | None = None,
    host: str | None = None,
    online: CpuSet | None = None,
) -> Vm:
    """Return the VM; where it says less than the domain, `changes` of a build tells.

    With `base` (a path, relative to the spec's file) the rest of the domain is that file's, without
    one the minimal machine has what it can spell. `host` and its `online` CPUs, where known, stand
    for "any CPU" of a thread that is not pinned beside others that are.
    """
    scheduler = _scheduler(domain)
    pin = _pin(domain, online)
    return Vm(
        name=domain.name,
        memory_kib=domain.memory_kib,
        host=host,
        cpu=_cpu(domain),
        numa=_numa(domain, pin),
        pin=pin,
        iothreads=len(domain.iothreads),
        tune=Tune(
            shares=domain.shares, period=domain.period, quota=domain.quota, scheduler=scheduler
        ),
        memory_backing=_backing(domain),
        features=domain.hypervisor,
        machine=Machine(base=base) if base is not None else _machine(domain),
    )


def _cpu(domain: Domain) -> Cpu:
    return Cpu(
        count=len(domain.online) or 1,
        max=domain.ceiling,
        topology=domain.topology,
        mode=domain.mode,
        model=domain.model,
        fallback=domain.fallback,
        match=domain.match,
        check=domain.check,
        migratable=domain.migratable,
        features=domain.features,
        cache=domain.cache,
    )


def _numa(domain: Domain, pin: Pin) -> Numa:
    """Return the cells, and the mode where memory is bound at all: it follows the pins."""
    modes: list[NumaMode] = [
        binding.mode
        for binding in (domain.binding, *domain.cell_bindings)
        if binding.mode is not None
    ]
    cells = tuple(
        replace(cell, hugepages_kib=page or None)
        for cell, page in zip(domain.cells, domain.cell_pages, strict=True)
    )
    return Numa(mode=modes[0] if modes and pin.map else "strict", cells=cells)


def _pin(domain: Domain, online: CpuSet | None) -> Pin:
    any_cpu = None if domain.numad else online
    pinned = tuple(
        (vcpu, cpus or any_cpu) for vcpu, cpus in enumerate(domain.vcpus) if cpus or any_cpu
    )
    pins = tuple((vcpu, cpus) for vcpu, cpus in pinned if cpus is not None)
    if len(pins) < domain.ceiling or not any(domain.vcpus):
        return Pin()
    own = _own(domain, pins)
    iothreads = {cpus or any_cpu for _, cpus in domain.iothreads}
    together = iothreads.pop() if len(iothreads) == 1 else None
    return Pin(
        strategy="manual",
        map=pins,
        emulator=_place(domain.emulator or any_cpu, own),
        iothreads=_place(together, own),
    )


def _own(domain: Domain, pins: tuple[tuple[int, CpuSet], ...]) -> CpuSet:
    """Return where threads run that are `own`: with the vCPUs that leave them a turn."""
    realtime = {v for v, s in enumerate(domain.schedulers) if s and s[0] in ("fifo", "rr")}
    calm = union(cpus for vcpu, cpus in pins if vcpu not in realtime)
    return calm or union(cpus for _, cpus in pins)


def _place(cpus: CpuSet | None, own: CpuSet) -> ThreadPlace:
    return "own" if cpus is None or cpus == own else cpus


def _scheduler(domain: Domain) -> tuple[Scheduler, ...]:
    """Return one entry for all vCPUs of a class, in the order of their first vCPU."""
    groups: dict[tuple[Policy, int | None], list[int]] = {}
    for vcpu, entry in enumerate(domain.schedulers):
        if entry is not None:
            groups.setdefault(entry, []).append(vcpu)
    return tuple(
        Scheduler(vcpus=CpuSet(vcpus), policy=policy, priority=priority)
        for (policy, priority), vcpus in groups.items()
    )


def _backing(domain: Domain) -> MemoryBacking:
    return MemoryBacking(
        hugepages_kib=domain.page_kib or None,
        locked=domain.locked,
        nosharepages=domain.nosharepages,
        source=domain.source,
        access=domain.access,
        allocation=domain.allocation,
    )


def _machine(domain: Domain) -> Machine:
    given = domain.machine
    return Machine(
        type="qemu" if given.type == "qemu" else None,
        machine=given.machine,
        emulator=given.emulator,
        boot=given.boot,
        disks=given.disks,
        serial=given.serial,
    )
