"""What a sound plan should still tell: siblings shared, memory elsewhere, masks that pile up."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet, union
from kvmc.diagnostics import Diagnostic, note, warning
from kvmc.planner.memory import book_unbound
from kvmc.units import format_kib
from kvmc.words import both, cpus, nodes, some

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.model import VmPlan
    from kvmc.planner.problem import State
    from kvmc.spec.model import Vm

Placed = tuple["Vm", "VmPlan"]
_NAMED = 8
"""VMs that are named where there are many."""
_Seats = list[tuple[int, int]]
"""(core, vCPU) of each vCPU with a CPU of its own; a core goes by its lowest CPU."""


def notices(host: Host, vms: Sequence[Placed], final: State) -> tuple[Diagnostic, ...]:
    """Return the warnings and notes of a plan that keeps the rules; none of them makes it wrong."""
    found: list[Diagnostic] = []
    isolated = bool(host.isolated)
    sharing = host.policy.core_sharing == "allow"
    users: dict[int, list[str]] = {}
    for vm, plan in vms:
        bends = vm.pin.threads == "prefer"
        if bends or (vm.pin.threads == "isolate" and plan.topology.threads > 1):
            seats = _seats(host, plan)
            found += _inside(vm, plan, seats)
            if bends and sharing:
                for core in {core for core, _ in seats}:
                    users.setdefault(core, []).append(vm.name)
        if isolated:
            found += _piled_up(host, vm, plan)
    found += _unknown_memory(host, vms)
    found += _between_vms(host, users)
    found += _memory_elsewhere(vms, final)
    return tuple(found)


def _seats(host: Host, plan: VmPlan) -> _Seats:
    home_of = host.home_of
    return [
        (home_of[cpus.mask.bit_length() - 1], vcpu)
        for vcpu, cpus, dedicated, _, _ in plan.vcpus
        if dedicated and cpus is not None
    ]


def _inside(vm: Vm, plan: VmPlan, seats: _Seats) -> Iterator[Diagnostic]:
    """Tell where the cores of the guest are not those of the host."""
    width = plan.topology.threads
    pairs = {(core, vcpu // width) for core, vcpu in seats}
    cores, guests = map(set, zip(*pairs, strict=True)) if pairs else ((), ())
    if len(cores) < len(pairs) and vm.pin.strategy != "manual":  # of which KV512 tells
        yield from _shared_siblings(vm, width, seats)
    if len(guests) < len(pairs):
        yield from _split_cores(vm, width, pairs)


def _shared_siblings(vm: Vm, width: int, seats: _Seats) -> Iterator[Diagnostic]:
    """Contract section 4, rule 3: siblings shared under `prefer` are named."""
    on_core: dict[int, list[int]] = {}
    for core, vcpu in seats:
        on_core.setdefault(core, []).append(vcpu)
    crowded = [
        f"{' and '.join(map(str, vcpus))} on the core of CPU {core}"
        for core, vcpus in on_core.items()
        if len({vcpu // width for vcpu in vcpus}) > 1
    ]
    yield warning(
        "KV503",
        f"vCPUs of {vm.name} share host cores without being threads of one guest "
        f"core: {', '.join(crowded)}",
        vm.place.at("pin"),
        hint="fewer vCPUs, an even number, or `threads: require` to refuse instead",
    )


def _split_cores(vm: Vm, width: int, pairs: set[tuple[int, int]]) -> Iterator[Diagnostic]:
    homes = Counter(guest for _, guest in pairs)
    apart = [str(guest) for guest, cores in sorted(homes.items()) if cores > 1]
    which = f"guest cores {', '.join(apart)} of {vm.name} show"
    if len(apart) == 1:
        which = f"guest core {apart[0]} of {vm.name} shows"
    by_hand = vm.pin.strategy == "manual"
    other = "pin them to siblings" if by_hand else "use `threads: require` to refuse"
    yield warning(
        "KV505",
        f"{which} {width} threads that are no siblings on the host",
        vm.place.at("cpu", "topology"),
        hint=f"leave topology out, or {other} instead",
    )


def _between_vms(host: Host, users: Mapping[int, Sequence[str]]) -> Iterator[Diagnostic]:
    """Under core_sharing: allow, name the cores that two VMs are on."""
    by_names: dict[tuple[str, ...], list[int]] = {}
    for core, names in sorted(users.items()):
        if len(names) > 1:
            by_names.setdefault(tuple(names), []).append(core)
    for together, cores in by_names.items():
        yield note(
            "KV506",
            f"{both(together)} share the {'core' if len(cores) == 1 else 'cores'} of "
            f"{cpus(CpuSet(cores))} of {host.name}, as core_sharing: allow lets them",
        )


def _memory_elsewhere(vms: Sequence[Placed], final: State) -> Iterator[Diagnostic]:
    by_name = {vm.name: vm for vm, _ in vms}
    for group, fits in book_unbound(final):
        if fits or group.vm not in by_name:
            continue
        where = CpuSet(group.nodes)
        strict = [vm.name for vm, plan in vms if not _strict_memory(vm, plan).isdisjoint(where)]
        first = f"; start {some(strict, _NAMED)} first, which must have theirs there"
        vm = by_name[group.vm]
        yield warning(
            "KV504",
            f"{format_kib(group.memory_kib)} of {group.vm} do not fit what is left on "
            f"{nodes(where) if where else 'any node'}, where its vCPUs are",
            vm.place.at("memory"),
            hint=f"{_what_follows(vm)}{first if strict else ''}",
        )


def _what_follows(vm: Vm) -> str:
    """Return what becomes of memory that does not fit, by mode (libvirt: domain XML, numatune)."""
    instead = "`numa.mode: strict`" if vm.numa.cells else "`numa: require`"
    if vm.numa.mode == "restrictive":
        return (
            "under `mode: restrictive` none of it may come from elsewhere, and the guest ends "
            f"where it runs out; use `mode: preferred`, or {instead} to refuse it here"
        )
    bound = "it is bound with mode preferred, and " if vm.numa.mode == "strict" else ""
    return f"{bound}some of it will be remote; {instead} refuses instead"


def _strict_memory(vm: Vm, plan: VmPlan) -> CpuSet:
    """Return the host nodes that a VM's memory must be on."""
    mode = vm.numa.mode if plan.cells else plan.memory_mode
    return _memory_of(plan) if mode == "strict" else EMPTY


def _unknown_memory(host: Host, vms: Sequence[Placed]) -> Iterator[Diagnostic]:
    unknown = CpuSet([n.id for n in host.nodes if n.memory_kib is None])
    if not unknown:
        return
    used = {vm.name: _memory_of(plan) & unknown for vm, plan in vms}
    if where := union(used.values()):
        names = [name for name, own in used.items() if own]
        yield note(
            "KV507",
            f"the memory of {some(names, _NAMED)} was not checked: {host.name} does not say "
            f"how much {nodes(where)} {'has' if len(where) == 1 else 'have'}",
            host.place,
        )


def _memory_of(plan: VmPlan) -> CpuSet:
    """Return the host nodes that a VM's memory is on, where the plan binds it."""
    cells = CpuSet(c.host_node for c in plan.cells if c.host_node is not None)
    return cells | (plan.memory_nodes or EMPTY)


def _piled_up(host: Host, vm: Vm, plan: VmPlan) -> Iterator[Diagnostic]:
    """Yield a warning for masks of several boot-isolated CPUs: nothing balances them."""
    masks = [(f"vCPU {p.id}", p.cpus) for p in plan.vcpus]
    masks += [("the emulator threads", plan.emulator)]
    masks += [(f"I/O thread {t.id}", t.cpus) for t in plan.iothreads]
    piled = [who for who, cpus in masks if cpus and len(cpus) > 1 and cpus <= host.isolated]
    if piled:
        floats = vm.pin.emulator == "own" and bool(host.policy.shared - host.isolated)
        share = "`emulator: share`, " if floats else ""
        yield warning(
            "KV508",
            f"{both(piled)} of {vm.name} may use several CPUs that are all isolated "
            f"({host.isolated}); the kernel keeps every thread on the first one",
            vm.place.at("pin"),
            hint=f"use {share}one CPU each, or CPUs that are not isolated",
        )
