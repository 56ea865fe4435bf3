"""`kvmc plan --explain VM`: for each vCPU its core, siblings, node and cache, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.report.marks import Use, marks_of
from kvmc.report.style import printable
from kvmc.report.table import table
from kvmc.words import many, nodes, some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kvmc.host.model import Core, Host
    from kvmc.planner.model import HostPlan, VcpuPin, VmPlan
    from kvmc.report.marks import Mark
    from kvmc.report.style import Style
    from kvmc.spec.model import Vm

_HEAD = ("vCPU", "CPU", "core", "siblings", "node", "L3", "why")
_WORDS = {
    Use.RESERVED: "reserved",
    Use.POOL: "pool",
    Use.SHARED: "shared",
    Use.FLOATING: "pinned to",
}
_TAKEN = (Use.VM, Use.FLOATING)
_MOST_NAMES = 3


class _Site(Struct, frozen=True, kw_only=True):
    """A VM's plan on its host, and what every CPU there is used for, as the map has it."""

    host: Host
    plan: HostPlan
    vm: VmPlan
    marks: Mapping[int, Mark]

    def core(self, pin: VcpuPin) -> Core | None:
        """Return the core that a vCPU has a CPU of for itself."""
        return self.host.core_of[pin.cpus.first] if pin.dedicated and pin.cpus else None

    def beside(self, core: Core, vcpus: Iterable[VcpuPin]) -> list[int]:
        """Return the CPUs of a core that somebody else than these vCPUs is on."""
        own = {pin.cpus.first for pin in vcpus if pin.dedicated and pin.cpus}
        return [c for c in core.cpus if c not in own and self.marks[c].use in _TAKEN]


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
    site = None
    if plan.host is not None:
        marks = marks_of(plan.host, plan)
        site = _Site(host=plan.host, plan=plan, vm=placed, marks=marks)
    rows = [_row(site, placed, pin) for pin in placed.vcpus]
    lines += table(_HEAD, rows, style, room)
    lines += [f"  {text}" for text in _rest(site, vm, placed)]
    return "\n".join(lines) + "\n"


def _row(site: _Site | None, vm: VmPlan, pin: VcpuPin) -> tuple[str, ...]:
    core = site.core(pin) if site else None
    if site is None or core is None or pin.cpus is None:
        return (str(pin.id), str(pin.cpus or "any"), "", "", "", "", _floats(vm, pin))
    others = [f"{cpu} ({_user(site, cpu)})" for cpu in core.cpus if cpu not in pin.cpus]
    return (
        str(pin.id),
        str(pin.cpus),
        str(core.cpus[0]),
        ", ".join(others) or "none",
        "" if core.node is None else str(core.node),
        "" if core.l3 is None else str(core.l3),
        _why(site, core, pin),
    )


def _floats(vm: VmPlan, pin: VcpuPin) -> str:
    if vm.strategy == "none":
        return "not pinned: strategy none"
    if vm.strategy == "manual":
        return "as pin.map says"
    return "floats on the shared set" + ("" if pin.boot else ", for hotplug")


def _user(site: _Site, cpu: int) -> str:
    """Return who is on a CPU; of a VM that only the lock knows of the thread is not known."""
    mark = site.marks[cpu]
    if mark.use is not Use.VM:
        return _WORDS.get(mark.use, "empty")
    threads = (_thread_on(vm, cpu) for vm in site.plan.vms if vm.name == mark.owner)
    return " ".join([printable(mark.owner), *threads])


def _thread_on(vm: VmPlan, cpu: int) -> str:
    """Return the thread that has the CPU for itself: a vCPU, or an isolated one."""
    for pin in vm.vcpus:
        if pin.dedicated and pin.cpus and cpu in pin.cpus:
            return f"vCPU {pin.id}"
    if vm.emulator is not None and cpu in vm.emulator:
        return "emulator threads"
    return next(f"I/O thread {t.id}" for t in vm.iothreads if t.cpus and cpu in t.cpus)


def _why(site: _Site, core: Core, pin: VcpuPin) -> str:
    vm, width = site.vm, site.vm.topology.threads
    if vm.strategy == "manual":
        return "as pin.map says"
    hotplug = "" if pin.boot else "; held for hotplug"
    mates = [p for p in vm.vcpus if p.id // width == pin.id // width]
    crowd = bool(site.beside(core, mates))
    if width == 1:
        return f"{'shares its core' if crowd else 'a core of its own'}{hotplug}"
    homes = {home.cpus for p in mates if (home := site.core(p))}
    word = "its siblings share the host core" if len(homes) == 1 else "its siblings are apart"
    others = "; others are on the host core too" if crowd else ""
    guest = f"thread {pin.id % width} of guest core {pin.id // width}"
    return f"{guest}; {word}{others}{hotplug}"


def _rest(site: _Site | None, vm: Vm, plan: VmPlan) -> Iterator[str]:
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
        yield f"memory from {nodes(plan.memory_nodes)}, {plan.memory_mode}"
    if site is not None and plan.strategy in ("dedicated", "mixed"):
        given = "; ".join(_given_up(site, vm))
        yield f"given up: {given or 'nothing'}"


def _asked(place: object) -> str:
    return place if isinstance(place, str) else "as listed"


def _given_up(site: _Site, vm: Vm) -> Iterator[str]:
    """Yield the preferences that the place does not meet."""
    plan = site.vm
    cores = [(p, core) for p in plan.vcpus if (core := site.core(p))]
    groups = {p.cell for p, _ in cores}
    for cell in sorted(groups, key=lambda c: -1 if c is None else c):
        inside = [core for p, core in cores if p.cell == cell]
        name = "it" if cell is None else f"cell {cell}"
        homes = {core.node for core in inside}
        caches = {(core.node, core.l3) for core in inside}
        if len(homes) > 1:
            yield f"{name} is spread over {len(homes)} nodes"
        if len(caches) > len(homes):
            yield f"{name} is spread over {len(caches)} last-level caches"
    if plan.memory_mode == "preferred" != vm.numa.mode:
        yield "not all of its memory fits its nodes"
    yield from _company(site, cores)


def _company(site: _Site, cores: Sequence[tuple[VcpuPin, Core]]) -> Iterator[str]:
    """Yield how many cores of the VM hold more than one guest core, and what that is."""
    guests: dict[Core, set[int]] = {}
    for pin, core in cores:
        guests.setdefault(core, set()).add(pin.id // site.vm.topology.threads)
    crowded = sum(len(here) > 1 for here in guests.values())
    if crowded:
        yield f"{_hold(crowded)} vCPUs that are no guest siblings"
    owners = [
        {site.marks[cpu].owner or site.vm.name for cpu in site.beside(core, site.vm.vcpus)}
        for core in guests
    ]
    threads = sum(site.vm.name in here for here in owners)
    if threads:
        yield f"{_hold(threads)} emulator or I/O threads too"
    strangers = [here - {site.vm.name} for here in owners]
    if any(strangers):
        names = sorted(map(printable, set().union(*strangers)))
        yield f"{_hold(sum(map(bool, strangers)))} CPUs of {some(names, _MOST_NAMES)} too"


def _hold(cores: int) -> str:
    return f"{many(cores, 'core')} {'holds' if cores == 1 else 'hold'}"
