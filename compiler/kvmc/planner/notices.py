"""What a sound plan should still tell: siblings shared, memory elsewhere, masks that pile up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet
from kvmc.diagnostics import Diagnostic, note, warning
from kvmc.planner.memory import book_unbound
from kvmc.units import format_kib

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.model import VmPlan
    from kvmc.planner.problem import State
    from kvmc.spec.model import Vm

Placed = tuple["Vm", "VmPlan"]
_OnCore = dict[int, list[int]]
"""First CPU of a core -> the vCPUs that have a CPU of their own on it."""


def notices(host: Host, vms: Sequence[Placed], final: State) -> tuple[Diagnostic, ...]:
    """Return the warnings and notes of a plan; none of them makes it wrong."""
    found: list[Diagnostic] = []
    cores = {vm.name: _cores(host, plan) for vm, plan in vms}
    for vm, plan in vms:
        if vm.pin.strategy != "manual":
            found += _shared_siblings(vm, plan, cores[vm.name])
            found += _split_cores(vm, plan, cores[vm.name])
        found += _piled_up(host, vm, plan)
        found += _unknown_memory(host, vm, plan)
    found += _between_vms(host, cores)
    found += _memory_elsewhere(vms, final)
    return tuple(found)


def _cores(host: Host, plan: VmPlan) -> _OnCore:
    """Return who is on which core."""
    found: _OnCore = {}
    for pin in plan.vcpus:
        if pin.dedicated and pin.cpus and pin.cpus.first in host.core_of:
            found.setdefault(host.core_of[pin.cpus.first].cpus[0], []).append(pin.id)
    return found


def _shared_siblings(vm: Vm, plan: VmPlan, cores: _OnCore) -> Iterator[Diagnostic]:
    """Contract section 4, rule 3: siblings shared under `prefer` are named."""
    width = plan.topology.threads
    crowded = [
        f"{' and '.join(map(str, vcpus))} on the core of CPU {first}"
        for first, vcpus in cores.items()
        if len({v // width for v in vcpus}) > 1
    ]
    if crowded:
        yield warning(
            "KV503",
            f"vCPUs of {vm.name} share host cores without being threads of one guest "
            f"core: {', '.join(crowded)}",
            vm.place.at("pin"),
            hint="fewer vCPUs, an even number, or `threads: require` to refuse instead",
        )


def _split_cores(vm: Vm, plan: VmPlan, cores: _OnCore) -> Iterator[Diagnostic]:
    width = plan.topology.threads
    homes: dict[int, set[int]] = {}
    for first, vcpus in cores.items():
        for vcpu in vcpus:
            homes.setdefault(vcpu // width, set()).add(first)
    apart = [str(core) for core, cores in sorted(homes.items()) if len(cores) > 1]
    if apart:
        yield warning(
            "KV505",
            f"guest cores {', '.join(apart)} of {vm.name} show {width} threads that are "
            "no siblings on the host",
            vm.place.at("cpu", "topology"),
            hint="leave topology out, or use `threads: require` to refuse instead",
        )


def _between_vms(host: Host, cores_of: Mapping[str, _OnCore]) -> Iterator[Diagnostic]:
    """Under core_sharing: allow, name the cores that two VMs are on."""
    on_core: dict[int, list[str]] = {}
    for name, used in cores_of.items():
        for first in used:
            on_core.setdefault(first, []).append(name)
    by_names: dict[tuple[str, ...], list[int]] = {}
    for first, users in sorted(on_core.items()):
        if len(users) > 1:
            by_names.setdefault(tuple(users), []).append(first)
    for names, cores in by_names.items():
        cpus = CpuSet(cores)
        yield note(
            "KV506",
            f"{' and '.join(names)} share the cores of CPUs {cpus} of {host.name}, "
            "as core_sharing: allow lets them",
        )


def _memory_elsewhere(vms: Sequence[Placed], final: State) -> Iterator[Diagnostic]:
    by_name = {vm.name: vm for vm, _ in vms}
    for group, fits in book_unbound(final):
        if fits or group.vm not in by_name:
            continue
        nodes = ", ".join(f"node {n}" for n in group.nodes) or "any node"
        yield warning(
            "KV504",
            f"{format_kib(group.memory_kib)} of {group.vm} do not fit what is left on "
            f"{nodes}, where its vCPUs are",
            by_name[group.vm].place.at("memory"),
            hint="some of the memory will be remote; `numa: require` refuses instead",
        )


def _unknown_memory(host: Host, vm: Vm, plan: VmPlan) -> Iterator[Diagnostic]:
    unknown = {n.id for n in host.nodes if n.memory_kib is None}
    used = {c.host_node for c in plan.cells if c.host_node is not None}
    used |= set(plan.memory_nodes or ())
    if used & unknown:
        yield note(
            "KV507",
            f"the memory of {vm.name} was not checked: {host.name} does not say "
            f"how much node {CpuSet(used & unknown)} has",
            vm.place,
        )


def _piled_up(host: Host, vm: Vm, plan: VmPlan) -> Iterator[Diagnostic]:
    """Yield a warning for masks of several boot-isolated CPUs: nothing balances them."""
    masks = [(f"vCPU {p.id}", p.cpus) for p in plan.vcpus]
    masks += [("the emulator threads", plan.emulator)]
    masks += [(f"I/O thread {t.id}", t.cpus) for t in plan.iothreads]
    piled = [who for who, cpus in masks if cpus and len(cpus) > 1 and cpus <= host.isolated]
    if piled:
        yield warning(
            "KV508",
            f"{', '.join(piled)} of {vm.name} may use several CPUs that are all isolated "
            f"({host.isolated}); the kernel keeps every thread on the first one",
            vm.place.at("pin"),
            hint="use `emulator: share` or one CPU",
        )
