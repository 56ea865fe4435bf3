"""CPUs that are spoken for before the search: pins written by hand, and explicit CPU lists.

A pin of a `manual` VM to one CPU is dedicated; a pin to several floats. Explicit `emulator` and
`iothreads` lists float too. Nobody else gets a dedicated CPU on a core that a claim touches,
unless the core carries the shared set anyway (docs/planner.md, rule 9).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet, union

if TYPE_CHECKING:
    from kvmc.host.model import Host
    from kvmc.spec.model import Vm


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Host CPUs that are spoken for, by number."""

    name: str
    """The VM, or a domain that nobody declared."""
    prefers: bool
    """Whether its cores may be shared under core_sharing: allow."""
    dedicated: CpuSet = EMPTY
    floating: CpuSet = EMPTY


def claim_of(vm: Vm) -> Claim:
    """Return what a VM's spec says of host CPUs by number; both sets are empty for most."""
    return Claim(
        name=vm.name,
        prefers=vm.pin.threads == "prefer",
        dedicated=_single(vm),
        floating=_floating(vm),
    )


def _single(vm: Vm) -> CpuSet:
    return union(cpus for _, cpus in vm.pin.map if len(cpus) == 1)


def _floating(vm: Vm) -> CpuSet:
    listed = [cpus for _, cpus in vm.pin.map if len(cpus) > 1]
    listed += [place for place in (vm.pin.emulator, vm.pin.iothreads) if isinstance(place, CpuSet)]
    return union(listed)


def cores_of(cpus: CpuSet, host: Host) -> CpuSet:
    """Return all CPUs of the cores that some CPUs keep from other VMs' dedicated vCPUs."""
    kept: set[int] = set()
    for cpu in cpus:
        core = host.core_of.get(cpu)
        if core is not None and host.policy.shared.isdisjoint(CpuSet(core.cpus)):
            kept.update(core.cpus)
    return CpuSet(kept)
