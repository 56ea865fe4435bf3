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
    from collections.abc import Iterator, Sequence

    from kvmc.host.model import Host
    from kvmc.spec.model import Vm

_MANY = 64
"""CPUs of which it pays to look whether they fill whole caches."""


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
    return bool(pin.map) or not (type(pin.emulator) is str is type(pin.iothreads))


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


def clash(core: Sequence[int], one: Claim, other: Claim, host: Host) -> CpuSet:
    """Return the CPUs of one core that two VMs may not both have; none where they get on.

    Contract section 4, rules 1 and 2: no CPU twice, and no core with dedicated CPUs of two VMs,
    unless core_sharing: allow lets two that prefer; docs/planner.md, rule 9: what floats by number
    floats beside nobody's dedicated CPU, but on cores of the shared set.
    """
    cpus = CpuSet(core).mask
    mine, theirs = cpus & one.dedicated.mask, cpus & other.dedicated.mask
    here, there = cpus & one.floating.mask, cpus & other.floating.mask
    twice = mine & (theirs | there) | theirs & here
    may_share = host.policy.core_sharing == "allow" and one.prefers and other.prefers
    beside = (mine and there) or (theirs and here)
    if twice or (mine and theirs and not may_share):
        return from_mask(twice or mine | theirs | here | there)
    if beside and not cpus & host.policy.shared.mask:
        return from_mask(mine | theirs | here | there)
    return EMPTY


def cores_of(cpus: CpuSet, host: Host) -> CpuSet:
    """Return all CPUs of the cores that some CPUs keep from other VMs' dedicated vCPUs."""
    if not cpus:
        return EMPTY
    left, kept = cpus.mask, 0
    shared = host.policy.shared.mask
    for group in host.alike if left.bit_count() > _MANY else ():
        if not group.cpus.mask & (shared | ~left):
            kept |= group.cpus.mask
            left &= ~kept
    for core in core_masks(left, host):
        if not core & shared:
            kept |= core
    return from_mask(kept)


def core_masks(cpus: int, host: Host) -> Iterator[int]:
    """Yield all CPUs of each core that some CPUs are on, by the lowest of these; all are masks."""
    core_of = host.core_of
    while cpus:
        lowest = cpus & -cpus
        core = core_of.get(lowest.bit_length() - 1)
        if core is None:  # offline
            cpus ^= lowest
            continue
        mask = 0
        for sibling in core.cpus:
            mask |= 1 << sibling
        cpus &= ~mask
        yield mask
