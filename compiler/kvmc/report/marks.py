"""What each host CPU is used for, as one mark a CPU: the data behind every picture of a host."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet

if TYPE_CHECKING:
    from kvmc.host.model import Core, Host
    from kvmc.planner.model import HostPlan


class Use(StrEnum):
    """What a CPU is used for; the value is the word in the legend."""

    VM = "dedicated to a VM"
    RESERVED = "reserved"
    SHARED = "shared"
    POOL = "pool"
    EXCLUDED = "not for guests"
    STRANDED = "stranded: its core is taken"
    FREE = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One CPU's use, and whose it is: a VM or a pool; "" for nobody's."""

    use: Use
    owner: str = ""


def marks_of(host: Host, plan: HostPlan | None) -> dict[int, Mark]:
    """Return a mark for every online CPU; without a plan only policy shows."""
    owners = _owners(plan)
    return {cpu: _mark(host, core, cpu, owners) for core in host.cores for cpu in core.cpus}


def _owners(plan: HostPlan | None) -> dict[int, str]:
    """Return CPU -> the VM that has it for itself."""
    owners: dict[int, str] = {}
    for vm in plan.vms if plan else ():
        for pin in vm.vcpus:
            if pin.dedicated and pin.cpus:
                owners[pin.cpus.first] = vm.name
        if vm.strategy in ("dedicated", "mixed"):
            floating = CpuSet(c for p in vm.vcpus if p.cpus for c in p.cpus)
            extra = [vm.emulator, *(t.cpus for t in vm.iothreads)]
            for cpus in extra:
                if cpus and len(cpus) == 1 and cpus.isdisjoint(floating):
                    owners.setdefault(cpus.first, vm.name)
    return owners


def _mark(host: Host, core: Core, cpu: int, owners: dict[int, str]) -> Mark:
    policy = host.policy
    if cpu in owners:
        return Mark(use=Use.VM, owner=owners[cpu])
    for name, cpus in policy.pools:
        if cpu in cpus:
            return Mark(use=Use.POOL, owner=name)
    if cpu in policy.reserved:
        return Mark(use=Use.RESERVED)
    if cpu in policy.shared:
        return Mark(use=Use.SHARED)
    if policy.dedicated is not None and cpu not in policy.dedicated:
        return Mark(use=Use.EXCLUDED)
    taken = any(c in owners or c in policy.shared for c in core.cpus)
    return Mark(use=Use.STRANDED if taken else Use.FREE)
