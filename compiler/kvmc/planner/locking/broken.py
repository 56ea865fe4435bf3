"""Lines of a lock that no plan would write: editing by hand makes such, or a new policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import union
from kvmc.planner.demand import groups_of
from kvmc.planner.guest import threads_of
from kvmc.planner.held import hold
from kvmc.planner.places import nodes_of, placed
from kvmc.planner.search.assign import Seats
from kvmc.planner.verify import breaches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.demand import Group
    from kvmc.planner.held import Held
    from kvmc.planner.model import VmPlan
    from kvmc.spec.model import Vm


def broken(lines: Sequence[tuple[Held, Vm]], host: Host) -> Iterator[tuple[Held, str]]:
    """Yield each rule that the line of a VM, whose demand it has, does not keep by itself.

    The lines have the VMs' vCPUs and cells, and CPUs of the host; `manual` has no rules of its own.
    """
    planned: list[tuple[Held, Vm, VmPlan | None]] = []
    for line, vm in lines:
        if vm.pin.strategy != "manual":
            shown = not vm.dedicated or vm.cpu.topology is not None or _may_show(line, vm, host)
            groups = groups_of(vm, vm.dedicated)
            planned.append((line, vm, lying(vm, line, groups, host) if shown else None))
    # No line breaks a rule by itself where all of them together keep every rule.
    sound = not breaches(host, [(vm, plan) for _, vm, plan in planned if plan is not None])
    for line, vm, plan in planned:
        if plan is None:
            yield line, f"{line.siblings} threads a guest core are not how its CPUs lie"
            continue
        for words in () if sound else breaches(host, [(vm, plan)]):
            yield line, words
        if hold(vm, plan) != line:
            yield line, "its memory or its threads are not where its CPUs are"


def lying(vm: Vm, line: Held, groups: Sequence[Group], host: Host) -> VmPlan:
    """Return the plan that a line's CPUs make, its memory where these are."""
    own = {vcpu: cpus.first for vcpu, cpus in enumerate(line.cpus) if cpus}
    bound = {group.cell: _home(group, line, host) for group in groups}
    return placed(vm, host, Seats(vcpus=own, extra=line.isolated), bound, line.siblings)


def _home(group: Group, line: Held, host: Host) -> int | None:
    """Return the host node that a rule binds a cell to; None where none does, or several would."""
    if not group.bound:
        return None
    if not group.dedicated:
        cell = -1 if group.cell is None else group.cell
        return next((b.node for b in line.bookings if b.cell == cell), None)
    nodes = nodes_of(host, union([cpus for v in group.dedicated if (cpus := line.cpus[v])]))
    return nodes.first if len(nodes) == 1 else None


def _may_show(line: Held, vm: Vm, host: Host) -> bool:
    """Whether the guest may see that many threads a core, the way the CPUs lie."""
    width = line.siblings
    own = {vcpu: cpus.first for vcpu, cpus in enumerate(line.cpus) if cpus}
    if len(own) == vm.cpu.max:
        return width == threads_of(vm, host, own)
    core = {vcpu: host.core_of[cpu].cpus for vcpu, cpu in own.items()}
    runs = [range(first, first + width) for first in range(0, vm.cpu.max, width)]
    homes = [{core.get(vcpu) for vcpu in run} for run in runs]
    return vm.cpu.max % width == 0 and all(len(cores) == 1 for cores in homes)
