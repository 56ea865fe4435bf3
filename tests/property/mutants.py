"""Plans with one thing wrong, or sometimes still right: what a checker is tested with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.cpuset import EMPTY, CpuSet, union

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from kvmc.host.model import Host
    from kvmc.planner.model import HostPlan, VmPlan


def mutants(plan: HostPlan, host: Host, rng: Random, count: int) -> Iterator[tuple[str, HostPlan]]:
    """Yield (what was done, the changed plan); a plan without dedicated CPUs has no mutant."""
    for _ in range(count):
        for kind in (_other_cpu, _swapped, _other_node, _other_emulator):
            index = rng.randrange(len(plan.vms)) if plan.vms else 0
            for what, one in kind(plan, index, host, rng) if plan.vms else ():
                vms = list(plan.vms)
                vms[index] = one
                yield f"{one.name}: {what}", replace(plan, vms=tuple(vms))


def _free(one: VmPlan) -> list[int]:
    """The vCPUs with a dedicated CPU that a spec does not give."""
    return [pin.id for pin in one.vcpus if pin.dedicated and one.strategy != "manual"]


def _with(one: VmPlan, vcpu: int, cpus: CpuSet | None) -> VmPlan:
    pins = [pin._replace(cpus=cpus) if pin.id == vcpu else pin for pin in one.vcpus]
    return replace(one, vcpus=tuple(pins))


def _other_cpu(plan: HostPlan, index: int, host: Host, rng: Random) -> Iterator[tuple[str, VmPlan]]:
    one = plan.vms[index]
    if _free(one):
        vcpu, cpu = rng.choice(_free(one)), rng.choice(sorted(host.online | host.offline))
        yield f"vCPU {vcpu} to CPU {cpu}", _with(one, vcpu, CpuSet([cpu]))


def _swapped(plan: HostPlan, index: int, _host: Host, rng: Random) -> Iterator[tuple[str, VmPlan]]:
    one = plan.vms[index]
    if len(_free(one)) > 1:
        a, b = rng.sample(_free(one), 2)
        pins = {pin.id: pin.cpus for pin in one.vcpus}
        yield f"vCPUs {a} and {b} swapped", _with(_with(one, a, pins[b]), b, pins[a])


def _other_node(
    plan: HostPlan, index: int, host: Host, rng: Random
) -> Iterator[tuple[str, VmPlan]]:
    one = plan.vms[index]
    if one.cells and one.strategy not in ("none", "manual"):
        cell, node = rng.choice(one.cells), rng.choice(host.nodes).id
        cells = [replace(c, host_node=node) if c.id == cell.id else c for c in one.cells]
        yield f"cell {cell.id} to node {node}", replace(one, cells=tuple(cells))


def _other_emulator(
    plan: HostPlan, index: int, host: Host, rng: Random
) -> Iterator[tuple[str, VmPlan]]:
    one = plan.vms[index]
    pinned = union(pin.cpus or EMPTY for pin in one.vcpus)
    if one.emulator is not None and len(one.emulator) == 1 and not one.emulator <= pinned:
        cpu = rng.choice(sorted(host.online))
        yield f"emulator to CPU {cpu}", replace(one, emulator=CpuSet([cpu]))
