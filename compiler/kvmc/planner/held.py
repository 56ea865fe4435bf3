"""A placement that the lock holds: a VM's CPUs and nodes, apart from the VM's spec.

It is enough to keep the VM where it is, and to keep others away from it where its spec is not at
hand (a run over one file of a repository).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.cpuset import EMPTY, CpuSet, from_mask, union

if TYPE_CHECKING:
    from kvmc.planner.booking import Booking
    from kvmc.planner.claims import Claim
    from kvmc.planner.model import VmPlan
    from kvmc.spec.model import Strategy, Threads, Vm

_DIGITS = 16


class Held(Struct, frozen=True, kw_only=True):
    """One VM's line in the lock."""

    name: str
    demand: str
    """Fingerprint of what the VM asks of the planner."""
    strategy: Strategy
    threads: Threads
    siblings: int
    """Threads of a guest core, as the guest sees it."""
    cpus: tuple[CpuSet | None, ...]
    """By vCPU: its own CPU, or the CPUs a manual pin names; None: floats on the shared set."""
    isolated: tuple[int, ...] = ()
    """CPUs of isolated emulator and I/O threads."""
    listed: CpuSet = EMPTY
    """CPUs that explicit emulator and I/O thread lists name."""
    bookings: tuple[Booking, ...] = ()

    @property
    def own(self) -> CpuSet:
        """The CPUs that are this VM's alone."""
        return from_mask(self._masks()[0])

    def claim(self) -> Claim:
        """Return what it keeps from other VMs; cores with isolated threads let nobody in."""
        from kvmc.planner.claims import Claim

        own, floating = self._masks()
        if self.isolated:
            floating |= CpuSet(self.isolated).mask
        return Claim(
            name=self.name,
            prefers=self.threads == "prefer",
            dedicated=from_mask(own),
            floating=from_mask(floating | self.listed.mask),
        )

    @property
    def where(self) -> tuple[object, ...]:
        """What is compared to tell whether a VM has moved: CPUs, and nodes by cell."""
        nodes = tuple((b.cell, b.node) for b in self.bookings)
        return self.cpus, self.isolated, self.listed, nodes

    def _masks(self) -> tuple[int, int]:
        """Return the CPUs that are its alone, and those that a pin to several names."""
        own = CpuSet(self.isolated).mask if self.isolated else 0
        floating = 0
        for cpus in self.cpus:
            if cpus is not None:
                mask = cpus.mask
                if mask & (mask - 1):
                    floating |= mask
                else:
                    own |= mask
        return own, floating


def undeclared(name: str, own: CpuSet, floating: CpuSet) -> Held:
    """Return a domain that no spec declares, as if the lock held its pins: nobody joins it."""
    return Held(
        name=name,
        demand="",
        strategy="manual",
        threads="isolate",
        siblings=1,
        cpus=tuple(CpuSet([cpu]) for cpu in own),
        listed=floating,
    )


def demand_fingerprint(vm: Vm) -> str:
    """Return a short digest of all that decides where a VM may go; names and tuning do not."""
    import hashlib  # OpenSSL behind it is slow to load, and `check` reads locks without it

    asked = (
        vm.cpu.max,
        vm.cpu.topology,
        vm.memory_kib,
        vm.memory_backing.hugepages_kib,
        vm.numa.mode,
        [(str(c.cpus), c.memory_kib, c.hugepages_kib) for c in vm.numa.cells],
        vm.pin,
        vm.iothreads,
    )
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:_DIGITS]


def hold(vm: Vm, plan: VmPlan) -> Held:
    """Return the line that keeps a planned VM where it is."""
    from kvmc.planner.booking import bookings_of

    manual = vm.pin.strategy == "manual"
    isolated = [plan.emulator] if vm.pin.emulator == "isolate" else []
    isolated += [t.cpus for t in plan.iothreads] if vm.pin.iothreads == "isolate" else []
    lists = (place for place in (vm.pin.emulator, vm.pin.iothreads) if isinstance(place, CpuSet))
    return Held(
        name=vm.name,
        demand=demand_fingerprint(vm),
        strategy=vm.pin.strategy,
        threads=vm.pin.threads,
        siblings=plan.topology.threads,
        cpus=tuple(p.cpus if p.dedicated or manual else None for p in plan.vcpus),
        isolated=tuple(sorted(cpus.first for cpus in isolated if cpus)),
        listed=union(lists),
        bookings=tuple(bookings_of(vm, plan)),
    )
