"""What `verify` holds a plan to: CPUs and cores (docs/planner.md, rules 1 to 3, and 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet, union
from kvmc.planner.holders import on_cores, owners, pinned
from kvmc.planner.once import once

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.holders import Holder


def every_vcpu_is_pinned(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Pins cover every vCPU from 0 to max-1, with online CPUs; a dedicated pin is one CPU."""
    for one in holders:
        vm, pins = one.vm, one.plan.vcpus
        vcpus = one.dedicated if one.single else tuple([pin.id for pin in pins])
        if vcpus != tuple(range(vm.cpu.max)):
            yield f"{vm.name}: pins do not cover vCPUs 0 to {vm.cpu.max - 1}"
        if one.single:
            continue  # one online CPU each
        for pin in pins:
            cpus = 0 if pin.cpus is None else len(pin.cpus)
            if cpus != 1 if pin.dedicated else not cpus:
                yield f"{vm.name}: vCPU {pin.id} has the pin {pin.cpus!r}"
        if not pinned(one) <= host.online:
            yield f"{vm.name}: pinned to CPUs {pinned(one) - host.online}, which are not online"


def every_dedicated_vcpu_is_dedicated(_host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Hold the dedicated vCPUs, and the isolated threads, to what the spec asks."""
    for one in holders:
        vm = one.vm
        every = vm.pin.strategy == "dedicated"
        wanted = tuple(range(vm.cpu.max) if every else vm.dedicated)
        if vm.pin.strategy != "manual" and one.dedicated != wanted:
            yield f"{vm.name}: the dedicated vCPUs are not {vm.dedicated}"
        for thread, cpus in one.threads:
            if cpus is None or len(cpus) != 1:
                yield f"{vm.name}: the isolated {thread} has no CPU of its own"


def no_cpu_is_dedicated_twice(_host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 1: a host CPU is dedicated to at most one vCPU or isolated thread."""
    if len(set().union(*[one.own for one in holders])) == sum([one.owners for one in holders]):
        return  # as many CPUs as there are owners
    owner: dict[int, str] = {}
    for one in holders:
        for who, cpu in owners(one):
            if cpu in owner:
                yield f"CPU {cpu} is dedicated to {owner[cpu]} and to {who}"
            owner[cpu] = who


def only_usable_cpus_are_dedicated(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Never reserved, shared, pooled or offline CPUs, nor outside pin.cpus or pin.kind."""
    usable, planned = _usable(host)
    of_kind = {
        kind: {cpu for core in host.cores if core.kind == kind for cpu in core.cpus}
        for kind in {one.vm.pin.kind for one in holders} - {None}
    }
    for one in holders:
        pin = one.vm.pin
        mine = usable
        if pin.strategy != "manual":
            mine = planned if pin.cpus is None else planned.intersection(pin.cpus)
            mine = mine if pin.kind is None else mine & of_kind[pin.kind]
        if not one.own <= mine:
            for who, cpu in owners(one):
                if cpu not in mine:
                    yield f"{who} has CPU {cpu}, which it may not have for itself"


def no_hyperthread_conflict(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 2: the cores of a VM's dedicated CPUs hold nobody else, nor the shared set.

    Under core_sharing: allow two VMs whose thread policy is `prefer` may share a core, where none
    of them has isolated threads (rule 3).
    """
    with_shared = _with_shared(host)
    taken = set().union(*[one.cores for one in holders])
    if len(taken) == sum([len(one.cores) for one in holders]) and taken.isdisjoint(with_shared):
        return  # as many cores as there are tenants
    on_core: dict[int, list[Holder]] = {}
    for one in holders:
        for core in one.cores:
            on_core.setdefault(core, []).append(one)
    for core, here in on_core.items():
        if len(here) > 1:
            bend = all(t.vm.pin.threads == "prefer" and core not in t.with_threads for t in here)
            if host.policy.core_sharing != "allow" or not bend:
                yield f"{_names(here)} share the core of CPU {core}"
        if core in with_shared:
            yield f"{_names(here)} share the core of CPU {core} with the shared set"


def _cores(host: Host, cpus: CpuSet) -> set[int]:
    """Return the cores that some CPUs are on, each by its lowest CPU."""
    return {host.core_of[cpu].cpus[0] for cpu in cpus & host.online}


@once
def _with_shared(host: Host) -> set[int]:
    """Return the cores that have a shared CPU."""
    return _cores(host, host.policy.shared)


@once
def _dirty(host: Host) -> set[int]:
    """Return the cores that have a reserved or pooled CPU."""
    return _cores(host, host.policy.reserved | host.policy.pooled)


@once
def _usable(host: Host) -> tuple[frozenset[int], frozenset[int]]:
    """Return the CPUs that may be dedicated at all, and those that policy leaves for planning."""
    policy = host.policy
    usable = host.online - (policy.reserved | policy.shared | policy.pooled)
    planned = usable if policy.dedicated is None else usable & policy.dedicated
    return frozenset(usable), frozenset(planned)


def _names(holders: Sequence[Holder]) -> str:
    return " and ".join(sorted(one.vm.name for one in holders))


def claimed_cores_are_left_alone(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 9: no other VM has a dedicated CPU on a core that a VM's explicit lists float on.

    Cores that carry the shared set are everybody's to float on, and nobody's own (rule 2).
    """
    claimed: dict[int, list[Holder]] = {}
    for one in holders:
        pin = one.vm.pin
        lists = [place for place in (pin.emulator, pin.iothreads) if type(place) is CpuSet]
        if pin.strategy == "manual":
            lists += [p.cpus for p in one.plan.vcpus if p.cpus and not p.dedicated]
        if lists:
            for core in _cores(host, union(lists)) - _with_shared(host):
                claimed.setdefault(core, []).append(one)
    for one in holders if claimed else ():
        for core in one.cores:
            others = [other for other in claimed.get(core, ()) if other is not one]
            if others:
                yield f"{one.vm.name} is on the core of CPU {core}, claimed by {_names(others)}"


def thread_policy_holds(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 3: `require` puts guest cores on siblings, `isolate` one vCPU on an empty core."""
    dirty = _dirty(host)
    for one in holders:
        name, policy = one.vm.name, one.vm.pin.threads
        if policy == "prefer" or one.vm.pin.strategy == "manual":
            continue
        width = one.plan.topology.threads
        if _is_whole(one, width) if policy == "require" else _is_alone(one, dirty):
            continue
        for core, vcpus in on_cores(one).items():
            if core in one.with_threads:
                yield f"{name}: vCPUs {vcpus} are with isolated threads on the core of CPU {core}"
            if policy == "isolate" and len(vcpus) > 1:
                yield f"{name}: vCPUs {vcpus} share the core of CPU {core} under isolate"
            if policy == "isolate" and core in dirty:
                yield f"{name}: the siblings on the core of CPU {core} are not empty under isolate"
            if policy == "require":
                first = vcpus[0] // width * width
                if vcpus != list(range(first, first + width)) or width == 1:
                    yield f"{name}: the core of CPU {core} holds vCPUs {vcpus}, no guest core"


def _is_whole(one: Holder, width: int) -> bool:
    """Whether each run of so many vCPUs, all dedicated, has a core that nobody else is on."""
    homes = one.homes
    if not one.single or one.threads or width < 2 or len(one.cores) * width != len(homes):  # noqa: PLR2004 (SMT begins at two)
        return False
    first = homes[::width]
    return [homes[thread::width] for thread in range(1, width)] == [first] * (width - 1)


def _is_alone(one: Holder, dirty: set[int]) -> bool:
    """Whether each vCPU, all dedicated, has a core without others that is not used already."""
    if not one.single or one.threads:
        return False
    return len(one.cores) == len(one.homes) and one.cores.isdisjoint(dirty)
