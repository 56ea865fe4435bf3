"""What each host CPU is used for, as one mark a CPU: the data behind every picture of a host."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.cpuset import CpuSet, union

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.host.model import Core, Host
    from kvmc.planner.model import HostPlan, VmPlan


class Use(StrEnum):
    """What a CPU is used for; the value is the word in the legend."""

    VM = "dedicated to a VM"
    RESERVED = "reserved"
    SHARED = "shared"
    POOL = "pool"
    EXCLUDED = "not for guests"
    FLOATING = "pinned to, not dedicated"
    STRANDED = "stranded: its core is taken"
    FREE = "free"


class Mark(Struct, frozen=True, kw_only=True):
    """One CPU's use, and whose it is: a VM or a pool; "" for nobody's."""

    use: Use
    owner: str = ""


def marks_of(host: Host, plan: HostPlan | None) -> dict[int, Mark]:
    """Return a mark for every online CPU; without a plan only policy shows."""
    takers = _Takers.of(host, plan)
    return {cpu: _mark(host, core, cpu, takers) for core in host.cores for cpu in core.cpus}


def letters_of(plan: HostPlan | None) -> dict[str, str]:
    """Return VM -> its letter in every picture: A to Z, then AA, AB and so on."""
    names = sorted([vm.name for vm in plan.vms] + [n for n, _ in plan.others]) if plan else []
    return {name: _letter(number) for number, name in enumerate(names)}


def _letter(number: int) -> str:
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


class _Takers(Struct, frozen=True, kw_only=True):
    """Who has taken CPUs: VMs for themselves, and pins that float outside of the shared set."""

    owners: dict[int, str]
    """CPU -> the VM that has it for itself."""
    floating: CpuSet
    generous: frozenset[str]
    """VMs whose left-over siblings may go to another VM (core_sharing: allow)."""

    @classmethod
    def of(cls, host: Host, plan: HostPlan | None) -> _Takers:
        vms = plan.vms if plan else ()
        held = plan.others if plan else ()
        owners = {cpu: name for name, cpus in held for cpu in cpus}
        for vm in vms:
            for pin in vm.vcpus:
                if pin.dedicated and pin.cpus:
                    owners[pin.cpus.first] = vm.name
        policy = host.policy
        others = policy.shared | policy.reserved | policy.pooled
        for vm in vms:
            for cpus in _lone_threads(vm):
                # `share` on a shared set of one CPU looks like `isolate`: it is not the VM's own.
                if cpus.isdisjoint(others):
                    owners.setdefault(cpus.first, vm.name)
        allow = policy.core_sharing == "allow"
        return cls(
            owners=owners,
            floating=union(_threads(vms)) - CpuSet(owners),
            generous=frozenset(v.name for v in vms if allow and v.threads == "prefer"),
        )

    def block(self, host: Host, core: Core) -> bool:
        """Whether nobody (else) gets a dedicated CPU on the core (docs/planner.md, rules 2, 9)."""
        if any(cpu in host.policy.shared or cpu in self.floating for cpu in core.cpus):
            return True
        here = {self.owners[cpu] for cpu in core.cpus if cpu in self.owners}
        return bool(here - self.generous)


def _threads(vms: tuple[VmPlan, ...]) -> Iterator[CpuSet]:
    """Yield the CPUs of every thread that has none for itself."""
    for vm in vms:
        yield from (p.cpus for p in vm.vcpus if p.cpus and not p.dedicated)
        yield from (t for t in (vm.emulator, *(t.cpus for t in vm.iothreads)) if t)


def _lone_threads(vm: VmPlan) -> Iterator[CpuSet]:
    """Yield the CPUs of isolated emulator and I/O threads."""
    if vm.strategy in ("dedicated", "mixed"):
        own = union(p.cpus for p in vm.vcpus if p.cpus)
        for cpus in (vm.emulator, *(t.cpus for t in vm.iothreads)):
            if cpus and len(cpus) == 1 and cpus.isdisjoint(own):
                yield cpus


def _mark(host: Host, core: Core, cpu: int, takers: _Takers) -> Mark:
    policy = host.policy
    if cpu in takers.owners:
        return Mark(use=Use.VM, owner=takers.owners[cpu])
    for name, cpus in policy.pools:
        if cpu in cpus:
            return Mark(use=Use.POOL, owner=name)
    rest = (
        (Use.RESERVED, cpu in policy.reserved),
        (Use.SHARED, cpu in policy.shared),
        (Use.FLOATING, cpu in takers.floating),
        (Use.EXCLUDED, policy.dedicated is not None and cpu not in policy.dedicated),
        (Use.STRANDED, takers.block(host, core)),
    )
    return Mark(use=next((use for use, applies in rest if applies), Use.FREE))
