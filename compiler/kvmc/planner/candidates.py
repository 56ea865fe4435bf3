"""Which host CPUs a VM's dedicated vCPUs may get (docs/planner.md, "Which CPUs")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet
from kvmc.planner.once import once

if TYPE_CHECKING:
    from kvmc.host.model import Alike, Host
    from kvmc.spec.model import Pin


@once
def dedicable(host: Host) -> CpuSet:
    """Return the CPUs that policy leaves for dedicated vCPUs.

    A core with a shared CPU is left out as a whole: no dedicated vCPU shares a core with the
    shared set (contract section 4, rule 2).
    """
    policy = host.policy
    taken = policy.reserved | policy.shared | policy.pooled
    wanted = host.online if policy.dedicated is None else host.online & policy.dedicated
    return wanted - taken - beside(host, policy.shared)


def candidates(host: Host, pin: Pin) -> CpuSet:
    """Return the CPUs that one VM's dedicated vCPUs may get while the host is empty."""
    cpus = dedicable(host)
    if pin.cpus is not None:
        cpus = cpus & pin.cpus
    if pin.kind is not None:
        cpus = cpus & CpuSet(c for core in host.cores if core.kind == pin.kind for c in core.cpus)
    if pin.threads == "isolate":
        cpus = cpus - beside(host, host.policy.reserved | host.policy.pooled)
    return cpus


def widest_core(host: Host, cpus: CpuSet) -> int:
    """Return the most thread siblings that any one core has among the CPUs; 0 for none."""
    inside = cpus.mask
    widest = 0
    for group in sorted(host.alike, key=lambda one: -one.threads):
        if group.threads > widest and inside & group.cpus.mask:
            widest = max(widest, _most(host, group, inside))
    return widest


def _most(host: Host, group: Alike, inside: int) -> int:
    """Return the most siblings that a core of a group has inside a mask."""
    if group.cpus.mask & ~inside:
        cores = [host.cores[n].cpus for n in group.cores]
        return max(sum([inside >> cpu & 1 for cpu in cpus]) for cpus in cores)
    return group.threads


def beside(host: Host, cpus: CpuSet) -> CpuSet:
    """Return all CPUs of the cores that any of some CPUs is on."""
    cores = (host.core_of[cpu] for cpu in cpus & host.online)
    return CpuSet(cpu for core in cores for cpu in core.cpus)
