"""What every VM of a finished plan has for itself, read off its pins: what `verify` goes by.

Nothing here comes from the search. A core goes by its lowest CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmc.cpuset import from_mask, union

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.cpuset import CpuSet
    from kvmc.host.model import Host
    from kvmc.planner.model import VmPlan
    from kvmc.spec.model import Vm


class Holder(NamedTuple):
    """One VM, and what is its alone."""

    vm: Vm
    plan: VmPlan
    own: CpuSet
    """Every CPU that is dedicated to a vCPU, or to an isolated emulator or I/O thread."""
    owners: int
    """How many vCPUs and threads those are."""
    cores: dict[int, list[int]]
    """Core with any CPU in `own` -> the dedicated vCPUs on it, ascending."""
    threads: list[tuple[str, CpuSet | None]]
    """The emulator and I/O threads that are to have a CPU of their own, and what they have."""
    with_threads: frozenset[int]
    """The cores that those are on."""
    pinned: CpuSet
    """Every CPU in the pins of its vCPUs, those that float included."""


def holder_of(host: Host, vm: Vm, plan: VmPlan) -> Holder:
    """Read a VM's plan; a dedicated pin should be one CPU, and `verify` says so where it is not."""
    own = floating = count = 0
    cores: dict[int, list[int]] = {}
    core_of = host.core_of
    for pin in plan.vcpus:
        mask = 0 if pin.cpus is None else pin.cpus.mask
        if not pin.dedicated:
            floating |= mask
        elif mask:
            own |= mask
            count += 1
            core = core_of.get(mask.bit_length() - 1)
            if core is not None:
                cores.setdefault(core.cpus[0], []).append(pin.id)
    pinned = from_mask(own | floating)
    mine, beside = from_mask(own), frozenset[int]()
    threads = _isolated(vm, plan)
    if threads:
        extra = union(cpus for _, cpus in threads if cpus)
        mine = mine | extra
        count += sum(1 for _, cpus in threads if cpus)
        beside = frozenset(core_of[cpu].cpus[0] for cpu in extra & host.online)
        for lowest in beside:
            cores.setdefault(lowest, [])
    return Holder(vm, plan, mine, count, cores, threads, beside, pinned)


def _isolated(vm: Vm, plan: VmPlan) -> list[tuple[str, CpuSet | None]]:
    found = [("emulator", plan.emulator)] if vm.pin.emulator == "isolate" else []
    if vm.pin.iothreads == "isolate":
        found += [(f"iothread {t.id}", t.cpus) for t in plan.iothreads]
    return found


def owners(one: Holder) -> Iterator[tuple[str, int]]:
    """Yield (whose, CPU) for each CPU of a VM's own: names for a breach."""
    for pin in one.plan.vcpus:
        for cpu in pin.cpus or () if pin.dedicated else ():
            yield f"{one.vm.name} vCPU {pin.id}", cpu
    for thread, cpus in one.threads:
        for cpu in cpus or ():
            yield f"{one.vm.name} {thread}", cpu
