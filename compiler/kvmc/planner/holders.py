"""What every VM of a finished plan has for itself, read off its pins: what `verify` goes by.

Nothing here comes from the search. A core goes by its lowest CPU.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from kvmc.cpuset import OneCpu, union

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.cpuset import CpuSet
    from kvmc.host.model import Host
    from kvmc.planner.model import VmPlan
    from kvmc.spec.model import Vm


class Holder(Struct, frozen=True):
    """One VM, and what is its alone."""

    vm: Vm
    plan: VmPlan
    dedicated: Sequence[int]
    """The vCPUs that are to have a CPU of their own."""
    homes: Sequence[int | None]
    """The cores that those are on; None where a pin is not one online CPU."""
    own: set[int]
    """Every CPU that is dedicated to a vCPU, or to an isolated emulator or I/O thread."""
    owners: int
    """How many vCPUs and threads those are."""
    cores: set[int]
    """The cores with any CPU in `own`."""
    threads: list[tuple[str, CpuSet | None]]
    """The emulator and I/O threads that are to have a CPU of their own, and what they have."""
    with_threads: frozenset[int]
    """The cores that those are on."""
    single: bool
    """Whether every vCPU has one online CPU of its own."""


_NOBODY = frozenset[int]()


class _Held(NamedTuple):
    """What some pins hold: the fields of `Holder` of the same names."""

    homes: Sequence[int | None]
    own: set[int]
    owners: int
    cores: set[int]


def holder_of(host: Host, vm: Vm, plan: VmPlan) -> Holder:
    """Read a VM's plan; a dedicated pin should be one CPU, and `verify` says so where it is not."""
    ids, pins, alone, _, _ = zip(*plan.vcpus, strict=True) if plan.vcpus else ((),) * 5
    every = all(alone)
    if not every:
        ids, pins = tuple(compress(ids, alone)), tuple(compress(pins, alone))
    homes, own, count, cores = _of_single_cpus(host, pins) or _of_any_cpus(host, pins)
    single = every and None not in homes
    threads, beside = _isolated(vm, plan), _NOBODY
    if threads:
        extra = union([one for _, one in threads if one])
        own.update(extra)
        count += sum([1 for _, one in threads if one])
        beside = frozenset([host.home_of[cpu] for cpu in extra & host.online])
        cores |= beside
    return Holder(vm, plan, ids, homes, own, count, cores, threads, beside, single)


def _of_single_cpus(host: Host, pins: Sequence[CpuSet | None]) -> _Held | None:
    """Return what pins hold that are each one online CPU and know which, as all in a sound plan."""
    cpus = [pin.cpu for pin in pins if type(pin) is OneCpu]
    own, home_of = set(cpus), host.home_of
    if len(cpus) < len(pins) or not own <= home_of.keys():
        return None
    homes = [home_of[cpu] for cpu in cpus]
    return _Held(homes, own, len(cpus), set(homes))


def _of_any_cpus(host: Host, pins: Sequence[CpuSet | None]) -> _Held:
    """Return what pins hold that may be several CPUs, none, or not online."""
    home_of = host.home_of
    homes = [home_of.get(pin.first) if pin and len(pin) == 1 else None for pin in pins]
    held = [pin for pin in pins if pin]
    own = {cpu for pin in held for cpu in pin}
    cores = {home_of[cpu] for cpu in own if cpu in home_of}
    return _Held(homes, own, len(held), cores)


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


def on_cores(one: Holder) -> dict[int, list[int]]:
    """Return core -> the dedicated vCPUs on it, ascending, for each core with one."""
    found: dict[int, list[int]] = {}
    for vcpu, core in zip(one.dedicated, one.homes, strict=True):
        if core is not None:
            found.setdefault(core, []).append(vcpu)
    return found


def pinned(one: Holder) -> CpuSet:
    """Return every CPU in the pins of a VM's vCPUs, those that float included."""
    return union([pin.cpus for pin in one.plan.vcpus if pin.cpus is not None])
