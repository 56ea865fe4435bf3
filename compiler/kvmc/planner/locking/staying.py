"""A VM whose spec has changed: where its old CPUs still do, it keeps them.

The lock says where it was for another demand. "Move nothing" stands second among the preferences,
and a change of memory or of a preference alone is no reason to move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.planner.demand import demand_of, isolated_threads
from kvmc.planner.held import demand_fingerprint, hold
from kvmc.planner.locking.broken import lying
from kvmc.planner.search.setup import problem_of
from kvmc.planner.verify import breaches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Host
    from kvmc.planner.held import Held
    from kvmc.spec.model import Vm


def unchanged(vms: Sequence[Vm], held: Sequence[Held]) -> frozenset[str]:
    """Return the VMs that ask for just what their lines in the lock were made for."""
    demands = {line.name: line.demand for line in held}
    return frozenset(
        [vm.name for vm in vms if vm.name in demands and demands[vm.name] == demand_fingerprint(vm)]
    )


def with_renewed(
    vms: Sequence[Vm], host: Host, held: Sequence[Held], same: frozenset[str]
) -> list[Held]:
    """Return the lock's lines, those of VMs that ask for something else renewed where they stay.

    `same` are the VMs that ask for what they asked before, whose lines stay as they are.
    A renewed line claims the same cores in the same way, so that no other VM can be in its way;
    what it takes of memory and shared CPUs may be more, and has to be left beside all other lines.
    """
    named = {vm.name: vm for vm in vms if vm.name not in same}
    lines = list(held)
    for number, line in enumerate(held):
        vm = named.get(line.name)
        new = vm and _renewed(vm, line, host)
        if new:
            others = [other for other in lines if other is not line]
            if not _lacks(host, [*others, new]):
                lines[number] = new
    return lines


def _lacks(host: Host, lines: Sequence[Held]) -> bool:
    """Whether the lines take more memory, pages or shared CPUs than there are."""
    start = problem_of(host, (), (), [b for line in lines for b in line.bookings]).start
    left = (start.memory, start.pages, start.pool, start.floats)
    return start.all_floats < 0 or any(value < 0 for part in left for value in part.values())


def _renewed(vm: Vm, line: Held, host: Host) -> Held | None:
    """Return the VM's line for what it asks now, on the CPUs it has; None where it has to move."""
    if not _same_shape(vm, line):
        return None
    demand = demand_of(vm, host)
    if demand.obstacle or line.siblings not in {variant.threads for variant in demand.variants}:
        return None
    plan = lying(vm, line, demand.groups, host)
    held = hold(vm, plan)
    return None if held.listed != line.listed or breaches(host, [(vm, plan)]) else held


def _same_shape(vm: Vm, line: Held) -> bool:
    """Whether the same vCPUs want CPUs of their own, by the same policy, beside as many threads."""
    own = {vcpu for vcpu, cpus in enumerate(line.cpus) if cpus}
    return (
        vm.pin.strategy in ("dedicated", "mixed")
        and (line.strategy, line.threads) == (vm.pin.strategy, vm.pin.threads)
        and (len(line.cpus), own) == (vm.cpu.max, set(vm.dedicated))
        and len(line.isolated) == isolated_threads(vm)
    )
