"""The lock against the host and the specs of today: why it cannot be built upon."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet, union
from kvmc.diagnostics import Diagnostic, Place, error
from kvmc.planner.candidates import candidates
from kvmc.planner.claims import clash
from kvmc.planner.held import demand_fingerprint
from kvmc.planner.locking.broken import broken
from kvmc.planner.locking.overbooked import overbooked
from kvmc.words import cpus, many, vcpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.held import Held
    from kvmc.planner.locking.lock import Lock
    from kvmc.spec.model import Vm

_ANEW = "`kvmc lock --replan` plans the whole host anew"
_RESTORE = "restore it from git, or remove the line"


def check_lock(lock: Lock, host: Host, vms: Sequence[Vm]) -> tuple[Diagnostic, ...]:
    """Return why the lock cannot be built upon; () when it can. Never a silent re-plan."""
    place = lock.place or Place(file="")
    if lock.host != host.name:
        message = f"the lock of {host.name} names the host {lock.host}"
        return (error("KV524", message, place.at("host"), hint=_ANEW),)
    if lock.fingerprint != host.fingerprint:
        return (_stale(lock, host, place),)
    named = {vm.name: vm for vm in vms}
    found: list[Diagnostic] = []
    stay: list[Held] = []
    for held in lock.held:
        at = place.at("vms", held.name, key=True)
        vm = named.get(held.name)
        same = vm is not None and held.demand == demand_fingerprint(vm)
        if same and vm is not None:
            found += _unfit(held, vm, host, at)
        if same or vm is None:
            found += _unusable(held, vm, host, at)
            stay.append(held)
    found += _contradictions(lock, host, place)
    if not found:
        for words in overbooked(stay, host):
            message = f"the lines of the lock of {host.name} do not fit together: {words}"
            hint = f"remove lines to place these VMs anew; {_ANEW}"
            found.append(error("KV522", message, place.at("vms"), hint=hint))
    if not found:
        known = [(held, named[held.name]) for held in stay if held.name in named]
        for held, words in broken(known, host):
            message = f"the line of {held.name} breaks a rule: {words}"
            at = place.at("vms", held.name, key=True)
            found.append(error("KV521", message, at, hint=_RESTORE))
    return tuple(found)


def _stale(lock: Lock, host: Host, place: Place) -> Diagnostic:
    lost = CpuSet(cpu for held in lock.held for cpu in held.own) - host.online
    gone = f"; CPUs {lost} that it holds are not online any more" if lost else ""
    message = f"the facts of {host.name} are not those the lock was made for{gone}"
    return error("KV520", message, place.at("fingerprint"), hint=_ANEW)


def _unfit(held: Held, vm: Vm, host: Host, place: Place) -> Iterator[Diagnostic]:
    """Yield an error where a line cannot be that of its VM: only editing by hand makes such."""
    cells = sorted(b.cell for b in held.bookings)
    nodes = host.node_cpus.keys()
    own = {v for v, cpus in enumerate(held.cpus) if cpus and len(cpus) == 1}
    whose = "has a CPU of its own" if len(own) == 1 else "have CPUs of their own"
    whose = f"{vcpus(CpuSet(own))} {whose}" if own else "no vCPU has a CPU of its own"
    problems = [
        (
            held.strategy != vm.pin.strategy,
            f"its strategy is {held.strategy}, the spec's {vm.pin.strategy}",
        ),
        (
            held.threads != vm.pin.threads,
            f"its threads are {held.threads}, the spec's {vm.pin.threads}",
        ),
        (
            len(held.cpus) != vm.cpu.max,
            f"it has {many(len(held.cpus), 'vCPU')}, the spec {vm.cpu.max}",
        ),
        (cells != [c.id for c in vm.numa.cells] and cells != [-1], "its cells are not the spec's"),
        (
            any(b.node not in nodes for b in held.bookings if b.node is not None),
            f"it names a node that {host.name} has not",
        ),
        (
            vm.pin.strategy != "manual" and own != set(vm.dedicated),
            f"{whose}, the spec asks for {vm.dedicated or 'none'}",
        ),
    ]
    for wrong, words in problems:
        if wrong:
            message = f"the line of {held.name} was edited: {words}"
            yield error("KV521", message, place, hint=_RESTORE)


def _unusable(held: Held, vm: Vm | None, host: Host, place: Place) -> Iterator[Diagnostic]:
    """Yield an error where a held CPU may not be used any more."""
    policy = host.policy
    if held.strategy == "manual":
        bad = held.own & (policy.reserved | policy.shared | policy.pooled) | held.own - host.online
    elif vm is not None:
        bad = held.own - candidates(host, vm.pin)
    else:
        bad = held.own & (policy.reserved | policy.shared | policy.pooled) | held.own - host.online
    if bad:
        word = "CPUs" if len(bad) > 1 else "CPU"
        message = f"the lock holds {word} {bad} for {held.name}, which it may not use any more"
        yield error("KV523", message, place, hint=f"remove the line to place it anew; {_ANEW}")


def _contradictions(lock: Lock, host: Host, place: Place) -> Iterator[Diagnostic]:
    """Yield an error for each pair of lines that claim a core against the rules."""
    claims = {held.name: held.claim() for held in lock.held}
    owners: dict[tuple[int, ...], list[str]] = {}
    floaters: dict[tuple[int, ...], list[str]] = {}
    for held in lock.held:
        claim = claims[held.name]
        if len(claim.dedicated) < _own_count(held):
            message = f"the lock holds a CPU for {held.name} twice"
            yield error("KV522", message, place.at("vms", held.name, key=True), hint=_ANEW)
        for users, cpus_of in ((owners, claim.dedicated), (floaters, claim.floating)):
            homes = {home.cpus for cpu in cpus_of if (home := host.core_of.get(cpu))}
            for core in homes:
                users.setdefault(core, []).append(held.name)
    clashes: dict[tuple[str, str], CpuSet] = {}
    for core, names in owners.items():
        # Those that only float get on with each other, however many they are.
        others = [(mine, name) for mine in names for name in floaters.get(core, ()) if name != mine]
        for first, second in map(sorted, {*combinations(names, 2), *others}):
            if both := clash(core, claims[first], claims[second], host):
                clashes[first, second] = clashes.get((first, second), EMPTY) | both
    for (first, second), both in sorted(clashes.items()):
        message = f"the lock holds {cpus(both)} of the same cores for {first} and {second}"
        at = place.at("vms", second, key=True)
        yield error("KV522", message, at, hint="take one side of the merge, or remove one line")


def check_undeclared(
    held: Sequence[Held], domains: Sequence[Held], host: Host, place: Place | None
) -> Iterator[Diagnostic]:
    """Yield an error for each domain, declared by no spec, on cores that the lock holds."""
    claims = [(line, line.claim()) for line in held]
    for domain in domains:
        theirs = domain.claim()
        for line, ours in claims:
            both = union([clash(core.cpus, theirs, ours, host) for core in host.cores])
            if both:
                message = (
                    f"the domain {domain.name}, which no spec declares, and {line.name} in the "
                    f"lock are on the same cores: {cpus(both)}"
                )
                at = place.at("vms", line.name, key=True) if place else None
                yield error("KV528", message, at, hint=f"move the domain's pins, or {_ANEW}")


def _own_count(held: Held) -> int:
    return sum(1 for cpus in held.cpus if cpus and len(cpus) == 1) + len(held.isolated)
