"""Pins written by hand, checked against the host and against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmc import words
from kvmc.cpuset import CpuSet
from kvmc.diagnostics import Diagnostic, Place, error, warning
from kvmc.planner.booking import bookings_of
from kvmc.planner.candidates import beside
from kvmc.planner.claims import claim_of, clash, names_cpus
from kvmc.planner.guest import threads_of_map
from kvmc.planner.places import by_hand
from kvmc.units import format_kib

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.booking import Booking
    from kvmc.planner.claims import Claim
    from kvmc.spec.model import Vm


def check_numbers(
    vms: Sequence[Vm], held: Sequence[Claim], host: Host
) -> dict[str, list[Diagnostic]]:
    """Return VM name -> what is wrong with the CPUs that its spec names by number.

    The VMs are by name; where two contradict each other the later one is refused, and so is one
    that contradicts what is held already.
    """
    found: dict[str, list[Diagnostic]] = {}
    accepted = list(held)
    for vm in vms:
        if not names_cpus(vm):
            continue
        claim = claim_of(vm)
        mine = [*_unusable(vm, host), *_twice(vm), *_inside(vm, host)]
        for other in accepted:
            mine += _conflicts(vm, claim, other, host) if other.name != vm.name else ()
        found[vm.name] = mine
        if not any(d.is_error for d in mine):
            accepted.append(claim)
    return found


def check_share(vms: Sequence[Vm], host: Host) -> dict[str, list[Diagnostic]]:
    """Return VM name -> errors for threads that are to run on a shared set that is not there."""
    if host.policy.shared & host.online:
        return {}
    found: dict[str, list[Diagnostic]] = {}
    for vm in vms:
        pin = vm.pin
        if "share" not in (pin.emulator, pin.iothreads) or pin.strategy == "none":
            continue
        for name in ("emulator", "iothreads"):
            if getattr(pin, name) == "share":
                message = f"pin.{name} of {vm.name} is share, and {host.name} has no shared set"
                hint = "name one in the host's policy, e.g. `shared: 0-1`, or use own"
                place = vm.place.at("pin", name)
                found.setdefault(vm.name, []).append(error("KV514", message, place, hint=hint))
    return found


def check_memory(vms: Sequence[Vm], host: Host) -> dict[str, list[Diagnostic]]:
    """Return VM name -> errors for strict cells of `manual` VMs that their nodes cannot hold.

    Cells follow their pins; VMs are booked in the order given. Unknown memory is not checked.
    """
    bound = [vm for vm in vms if vm.pin.strategy == "manual" and vm.numa.mode == "strict"]
    if not bound:
        return {}
    stock: dict[tuple[int, int | None], int] = {}
    for node in host.nodes:
        stock.update({(node.id, size): size * count for size, count in node.hugepages})
        if node.plain_kib is not None:
            stock[node.id, None] = node.plain_kib
    found: dict[str, list[Diagnostic]] = {}
    for vm in bound:
        for booking in bookings_of(vm, by_hand(vm, host)):
            if booking.node is None:
                continue
            key = (booking.node, booking.page_kib)
            have = stock.get(key, booking.memory_kib if booking.page_kib is None else 0)
            stock[key] = have - booking.memory_kib
            if stock[key] < 0:
                found.setdefault(vm.name, []).append(_too_much(vm, booking, have))
    return found


def _too_much(vm: Vm, booking: Booking, have: int) -> Diagnostic:
    pages = f" of {format_kib(booking.page_kib)} pages" if booking.page_kib else ""
    return error(
        "KV501",
        f"{vm.name} does not fit: its pins put {format_kib(booking.memory_kib)}{pages} on node "
        f"{booking.node}, which has {format_kib(max(have, 0))} left",
        vm.place.at("memory"),
    )


class _Named(NamedTuple):
    """What a spec puts on CPUs by number."""

    who: str
    cpus: CpuSet
    is_vcpu: bool
    place: Place

    @property
    def alone(self) -> bool:
        """Whether it has a CPU of its own: a pin to several, and every list, floats."""
        return self.is_vcpu and len(self.cpus) == 1


def _named(vm: Vm) -> Iterator[_Named]:
    for vcpu, cpus in vm.pin.map:
        yield _Named(f"vCPU {vcpu}", cpus, True, vm.place.at("pin", "map", vcpu))
    for name, place in (("emulator", vm.pin.emulator), ("iothreads", vm.pin.iothreads)):
        if isinstance(place, CpuSet):
            yield _Named(f"pin.{name}", place, False, vm.place.at("pin", name))


def _unusable(vm: Vm, host: Host) -> Iterator[Diagnostic]:
    """Yield an error for each CPU that contract section 4, rules 2 and 4, forbid.

    Lists of other threads may name reserved CPUs: housekeeping is what those are for.
    """
    policy = host.policy
    beside_shared = beside(host, policy.shared)
    for one in _named(vm):
        bad = [("not online", one.cpus - host.online), ("pooled", one.cpus & policy.pooled)]
        if one.is_vcpu:
            bad.append(("reserved", one.cpus & policy.reserved))
        if one.alone:
            bad.append(("on a core of the shared set", one.cpus & beside_shared))
        for what, wrong in bad:
            if wrong:
                where = words.cpus(wrong)
                message = f"{one.who} of {vm.name} is on {where}, {what} on {host.name}"
                yield error("KV510", message, one.place)


def _twice(vm: Vm) -> Iterator[Diagnostic]:
    """Yield an error for each CPU that two vCPUs of one VM are pinned to alone."""
    users: dict[int, list[int]] = {}
    for vcpu, cpus in vm.pin.map:
        if len(cpus) == 1:
            users.setdefault(cpus.first, []).append(vcpu)
    for cpu, vcpus in sorted(users.items()):
        if len(vcpus) > 1:
            names = ", ".join(map(str, vcpus))
            yield error(
                "KV511",
                f"vCPUs {names} of {vm.name} are all pinned to CPU {cpu}",
                vm.place.at("pin", "map", vcpus[1]),
            )


def _conflicts(vm: Vm, claim: Claim, other: Claim, host: Host) -> Iterator[Diagnostic]:
    """Yield an error for each core on which two VMs contradict each other by number."""
    for core in host.cores:
        if named := clash(core.cpus, claim, other, host):
            yield error(
                "KV511",
                f"{vm.name} and {other.name} both name CPUs of one core of {host.name}: {named}",
                vm.place.at("pin"),
                hint=f"{other.name} comes first, so {vm.name} is refused",
            )


def _inside(vm: Vm, host: Host) -> Iterator[Diagnostic]:
    """Yield a diagnostic for each core on which vCPUs meet that are no guest threads of one core.

    A warning under `threads: prefer`, an error under `require` and `isolate`.
    """
    given = vm.cpu.topology
    threads = (given.threads if given else threads_of_map(vm, host)) or 1
    on_core: dict[int, list[int]] = {}
    for vcpu, cpus in vm.pin.map:
        if len(cpus) == 1 and cpus.first in host.core_of:
            on_core.setdefault(host.core_of[cpus.first].cpus[0], []).append(vcpu)
    for vcpus in on_core.values():
        tenants = {vcpu // threads for vcpu in vcpus}
        if len(tenants) > 1 or (vm.pin.threads == "isolate" and len(vcpus) > 1):
            say = warning if vm.pin.threads == "prefer" else error
            names = ", ".join(map(str, vcpus))
            yield say(
                "KV512",
                f"vCPUs {names} of {vm.name} are pinned to thread siblings of one "
                "core, but the guest does not see them as threads of one core",
                vm.place.at("pin", "map"),
                hint="pin guest threads to siblings, or give each vCPU a core of its own",
            )
    if (
        vm.pin.threads == "require"
        and vm.pin.map
        and (threads == 1 or _is_apart(vm, host, threads))
    ):
        yield error(
            "KV512",
            f"threads: require, but the pins of {vm.name} do not put the threads "
            "of each guest core on siblings",
            vm.place.at("pin", "map"),
        )


def _is_apart(vm: Vm, host: Host, threads: int) -> bool:
    """Whether some guest core has vCPUs on several host cores."""
    homes = {
        (vcpu // threads, host.core_of[cpus.first].cpus)
        for vcpu, cpus in vm.pin.map
        if len(cpus) == 1 and cpus.first in host.core_of
    }
    return len({guest for guest, _ in homes}) < len(homes)
