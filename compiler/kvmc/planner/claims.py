"""CPUs that are spoken for before the search: pins written by hand, and explicit CPU lists.

A pin of a `manual` VM to one CPU is dedicated; a pin to several floats. Explicit `emulator` and
`iothreads` lists float too. Nobody else gets a dedicated CPU on a core that a claim touches,
unless the core carries the shared set anyway (docs/planner.md, rule 9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.cpuset import EMPTY, CpuSet, from_mask, union

if TYPE_CHECKING:
    from kvmc.host.model import Host
    from kvmc.spec.model import Vm


class Claim(Struct, frozen=True, kw_only=True):
    """Host CPUs that are spoken for, by number."""

    name: str
    """The VM, or a domain that nobody declared."""
    prefers: bool
    """Whether its cores may be shared under core_sharing: allow."""
    dedicated: CpuSet = EMPTY
    floating: CpuSet = EMPTY


def names_cpus(vm: Vm) -> bool:
    """Whether a VM's spec speaks of host CPUs by number; most do not."""
    pin = vm.pin
    return bool(pin.map) or isinstance(pin.emulator, CpuSet) or isinstance(pin.iothreads, CpuSet)


def claim_of(vm: Vm) -> Claim:
    """Return what a VM's spec says of host CPUs by number; both sets are empty for most."""
    pin = vm.pin
    listed = [place for place in (pin.emulator, pin.iothreads) if isinstance(place, CpuSet)]
    return Claim(
        name=vm.name,
        prefers=pin.threads == "prefer",
        dedicated=union([cpus for _, cpus in pin.map if len(cpus) == 1]),
        floating=union(listed + [cpus for _, cpus in pin.map if len(cpus) > 1]),
    )


def cores_of(cpus: CpuSet, host: Host) -> CpuSet:
    """Return all CPUs of the cores that some CPUs keep from other VMs' dedicated vCPUs."""
    if not cpus:
        return EMPTY
    shared, kept = host.policy.shared.mask, 0
    for cpu in cpus:
        core = None if kept >> cpu & 1 else host.core_of.get(cpu)
        if core is not None:
            mask = sum([1 << sibling for sibling in core.cpus])
            kept |= 0 if mask & shared else mask
    return from_mask(kept)
