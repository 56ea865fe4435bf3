"""Pins written by hand, checked against the host and against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet
from kvmc.diagnostics import Diagnostic, error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.claims import Claim
    from kvmc.spec.model import Vm


def check_claims(claims: Sequence[Claim], host: Host) -> dict[str, list[Diagnostic]]:
    """Return VM name -> what is wrong with the CPUs that its spec names by number.

    Where two VMs conflict the later name is told.
    """
    found: dict[str, list[Diagnostic]] = {}
    for number, claim in enumerate(claims):
        mine = found.setdefault(claim.vm.name, [])
        mine += _unusable(claim, host)
        for other in claims[:number]:
            mine += _conflicts(claim, other, host)
        mine += _inside(claim.vm, host)
    return found


def _unusable(claim: Claim, host: Host) -> Iterator[Diagnostic]:
    """Yield an error for each pin that contract section 4, rule 4 forbids."""
    policy = host.policy
    sets = [
        ("not online", claim.dedicated | claim.floating, None),
        ("pooled", policy.pooled, None),
        ("reserved", policy.reserved, claim.dedicated),
        ("in the shared set", policy.shared, claim.dedicated),
    ]
    pins = [(f"vCPU {v}", cpus, ("pin", "map", v)) for v, cpus in claim.vm.pin.map]
    for name in ("emulator", "iothreads"):
        place = getattr(claim.vm.pin, name)
        if isinstance(place, CpuSet):
            pins.append((f"pin.{name}", place, ("pin", name)))
    for who, cpus, pointer in pins:
        for what, forbidden, only in sets:
            bad = cpus & forbidden if what != "not online" else cpus - host.online
            if bad and (only is None or (len(cpus) == 1 and cpus <= only)):
                plural = "s" if len(bad) > 1 else ""
                yield error(
                    "KV510",
                    f"{who} of {claim.vm.name} is pinned to CPU{plural} {bad}, "
                    f"{what} on {host.name}",
                    claim.vm.place.at(*pointer),
                )


def _conflicts(claim: Claim, other: Claim, host: Host) -> Iterator[Diagnostic]:
    """Yield an error for each CPU, and each core, that two VMs claim by number."""
    same = (claim.dedicated & (other.dedicated | other.floating)) | (
        claim.floating & other.dedicated
    )
    place = claim.vm.place.at("pin")
    if same:
        yield error(
            "KV511",
            f"{claim.vm.name} and {other.vm.name} are both pinned to CPUs {same} of {host.name}",
            place,
        )
        return
    prefer = claim.vm.pin.threads == other.vm.pin.threads == "prefer"
    if host.policy.core_sharing == "allow" and prefer:
        return
    for core in host.cores:
        cpus = CpuSet(core.cpus)
        mine, theirs = cpus & claim.dedicated, cpus & other.dedicated
        if mine and theirs:
            yield error(
                "KV511",
                f"{claim.vm.name} (CPU {mine}) and {other.vm.name} (CPU {theirs}) "
                f"are pinned to thread siblings of one core of {host.name}",
                place,
            )


def _inside(vm: Vm, host: Host) -> Iterator[Diagnostic]:
    """Yield a diagnostic for each core on which vCPUs meet that are no guest threads of one core.

    A warning under `threads: prefer`, an error under `require` and `isolate`.
    """
    from kvmc.planner.guest import threads_of_map

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
    if vm.pin.threads == "require" and threads == 1 and vm.pin.map:
        yield error(
            "KV512",
            f"threads: require, but the pins of {vm.name} do not put the threads "
            "of each guest core on siblings",
            vm.place.at("pin", "map"),
        )
