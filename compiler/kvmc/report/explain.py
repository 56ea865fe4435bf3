"""`kvmc plan --explain VM`: for each vCPU its core, siblings, node and cache, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet
from kvmc.report.style import printable
from kvmc.report.table import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.host.model import Host
    from kvmc.planner.model import HostPlan, VcpuPin, VmPlan
    from kvmc.report.style import Style
    from kvmc.spec.model import Vm

_HEAD = ("vCPU", "CPU", "core", "siblings", "node", "L3", "why")


def explain_vm(plan: HostPlan, vm: Vm, style: Style, room: int | None = None) -> str:
    """Return the explanation of one VM's place, or of why it has none."""
    placed = next((p for p in plan.vms if p.name == vm.name), None)
    if placed is None:
        left = next(u for u in plan.unplaced if u.name == vm.name)
        proof = "this is proven" if left.proven else "this is not proven"
        return f"{printable(vm.name)} has no place: {printable(left.reason)} ({proof})\n"
    where = f" on {printable(plan.host.name)}" if plan.host else ""
    lines = [
        style.paint(
            f"{printable(vm.name)}{where}: {placed.strategy}"
            + (f", threads {placed.threads}" if placed.threads else ""),
            "1",
        )
    ]
    rows = [_row(plan, placed, pin) for pin in placed.vcpus]
    lines += table(_HEAD, rows, style, room)
    lines += [f"  {text}" for text in _rest(plan.host, vm, placed)]
    return "\n".join(lines) + "\n"


def _row(plan: HostPlan, vm: VmPlan, pin: VcpuPin) -> tuple[str, ...]:
    host = plan.host
    if pin.cpus is None or host is None or not pin.dedicated:
        return (str(pin.id), str(pin.cpus or "any"), "", "", "", "", _floats(vm, pin))
    core = host.core_of[pin.cpus.first]
    return (
        str(pin.id),
        str(pin.cpus),
        str(core.cpus[0]),
        _siblings(plan, core.cpus, pin.cpus.first),
        "" if core.node is None else str(core.node),
        "" if core.l3 is None else str(core.l3),
        _why(host, vm, pin),
    )


def _floats(vm: VmPlan, pin: VcpuPin) -> str:
    if vm.strategy == "none":
        return "not pinned: strategy none"
    if vm.strategy == "manual":
        return "as pin.map says"
    return "floats on the shared set" + ("" if pin.boot else ", for hotplug")


def _siblings(plan: HostPlan, cpus: tuple[int, ...], own: int) -> str:
    """Return the other threads of the core, each with who is on it."""
    return ", ".join(f"{cpu} {_user(plan, cpu)}" for cpu in cpus if cpu != own) or "none"


def _user(plan: HostPlan, cpu: int) -> str:
    for vm in plan.vms:
        for pin in vm.vcpus:
            if pin.dedicated and pin.cpus and cpu in pin.cpus:
                return f"({printable(vm.name)} vCPU {pin.id})"
    policy = plan.host.policy if plan.host else None
    if policy and cpu in policy.reserved:
        return "(reserved)"
    if policy and cpu in policy.pooled:
        return "(pool)"
    return "(empty)"


def _why(host: Host, vm: VmPlan, pin: VcpuPin) -> str:
    if vm.strategy == "manual":
        return "as pin.map says"
    hotplug = "" if pin.boot else "; held for hotplug"
    width = vm.topology.threads
    if width > 1:
        guest = f"thread {pin.id % width} of guest core {pin.id // width}"
        mates = [p for p in vm.vcpus if p.id // width == pin.id // width and p.cpus]
        homes = {host.core_of[p.cpus.first].cpus for p in mates if p.cpus and p.dedicated}
        word = "its siblings share the host core" if len(homes) == 1 else "its siblings are apart"
        return f"{guest}; {word}{hotplug}"
    return f"a core of its own{hotplug}" if _alone(host, vm, pin) else f"shares its core{hotplug}"


def _alone(host: Host, vm: VmPlan, pin: VcpuPin) -> bool:
    core = CpuSet(host.core_of[pin.cpus.first].cpus) if pin.cpus else CpuSet()
    return not any(
        other.id != pin.id and other.dedicated and other.cpus and not other.cpus.isdisjoint(core)
        for other in vm.vcpus
    )


def _rest(host: Host | None, vm: Vm, plan: VmPlan) -> Iterator[str]:
    """Yield where the other threads and the memory are, and what was given up."""
    if plan.emulator is not None:
        yield f"emulator threads on {plan.emulator} ({_asked(vm.pin.emulator)})"
    for thread in plan.iothreads:
        if thread.cpus is not None:
            yield f"I/O thread {thread.id} on {thread.cpus} ({_asked(vm.pin.iothreads)})"
    for cell in plan.cells:
        where = "not bound" if cell.host_node is None else f"host node {cell.host_node}"
        yield f"cell {cell.id} (vCPUs {cell.vcpus}): {where}"
    if plan.memory_nodes:
        yield f"memory from node {plan.memory_nodes}, {plan.memory_mode}"
    if host is not None and plan.strategy in ("dedicated", "mixed"):
        given = "; ".join(_given_up(host, plan))
        yield f"given up: {given or 'nothing'}"


def _asked(place: object) -> str:
    return place if isinstance(place, str) else "as listed"


def _given_up(host: Host, plan: VmPlan) -> Iterator[str]:
    """Yield the preferences that the place does not meet."""
    cores = [(p, host.core_of[p.cpus.first]) for p in plan.vcpus if p.dedicated and p.cpus]
    groups = {p.cell for p, _ in cores}
    for cell in sorted(groups, key=lambda c: -1 if c is None else c):
        inside = [core for p, core in cores if p.cell == cell]
        name = "it" if cell is None else f"cell {cell}"
        nodes = {core.node for core in inside}
        caches = {(core.node, core.l3) for core in inside}
        if len(nodes) > 1:
            yield f"{name} is spread over {len(nodes)} nodes"
        if len(caches) > len(nodes):
            yield f"{name} is spread over {len(caches)} last-level caches"
    if plan.memory_mode == "preferred":
        yield "not all of its memory fits its nodes"
    tenants: dict[tuple[int, ...], set[int]] = {}
    for pin, core in cores:
        tenants.setdefault(core.cpus, set()).add(pin.id // plan.topology.threads)
    crowded = sum(len(guests) > 1 for guests in tenants.values())
    if crowded:
        word = "core holds" if crowded == 1 else "cores hold"
        yield f"{crowded} {word} vCPUs that are no guest siblings"
