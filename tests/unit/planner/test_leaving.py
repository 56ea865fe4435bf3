"""Who is left out where a host has not room for all: the fewest vCPUs, and in a moment."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kvmc.planner.plan import plan_host
from tests.property.hosts import synthetic
from tests.support.fleets import fleet, host_of, machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Host
    from kvmc.planner.model import HostPlan
    from kvmc.spec.model import Vm

BIG = ("epyc", "8x56x2", "snc")


def _plan(vms: Sequence[Vm], host: Host) -> HostPlan:
    plan = plan_host(vms, host).value
    assert plan is not None
    return plan


def _left_out(vms: Sequence[Vm], plan: HostPlan) -> int:
    names = {one.name for one in plan.unplaced}
    return sum(vm.cpu.max for vm in vms if vm.name in names)


def _too_many(kind: str, shape: str, seed: int, more: int) -> tuple[list[Vm], int]:
    """Return a fleet that just fits with more VMs of its kind, and the vCPUs of these."""
    late = [replace(vm, name=f"x{vm.name}") for vm in fleet(kind, shape, 1.0, seed + 1000)[:more]]
    return [*fleet(kind, shape, 1.0, seed), *late], sum(vm.cpu.max for vm in late)


@pytest.mark.parametrize("shape", BIG)
@pytest.mark.parametrize("kind", ["require", "prefer", "mixed", "cells", "triplets", "memory"])
def test_of_a_few_vms_too_many_no_more_are_left_out(kind: str, shape: str) -> None:
    host = host_of(shape, core_sharing="allow")
    for seed, more in ((1, 1), (2, 3)):
        vms, extra = _too_many(kind, shape, seed, more)
        plan = _plan(vms, host)
        assert _left_out(vms, plan) <= extra
        assert all(one.proven for one in plan.unplaced)


@pytest.mark.parametrize("shape", BIG)
def test_where_the_least_is_not_found_little_more_is_left_out(shape: str) -> None:
    """Memory and cores that three VMs of a node must fill exactly: nothing shows which to leave."""
    host = host_of(shape)
    vms, extra = _too_many("memory-triplets", shape, 3, 10)
    plan = _plan(vms, host)
    total = sum(vm.cpu.max for vm in vms) - extra
    assert _left_out(vms, plan) - extra <= 0.05 * total


def _blend(kind: str, shape: str, seed: int, percent: int) -> list[Vm]:
    """Return VMs of two fleets by turns, so many that a part of them is too much."""
    first, second = fleet(kind, shape, 1.0, seed), fleet(kind, shape, 1.0, seed + 10_000)
    room = sum(vm.cpu.max for vm in first) * (100 + percent) // 100
    pairs = zip(first, second, strict=False)
    found: list[Vm] = []
    for one in [vm for a, b in pairs for vm in (a, replace(b, name=f"x{b.name}"))]:
        if sum(vm.cpu.max for vm in found) < room:
            found.append(one)
    return found


@pytest.mark.parametrize("shape", BIG[:2])
@pytest.mark.parametrize("kind", ["memory-triplets", "prefer", "memory", "misleading"])
def test_what_two_fleets_leave_out_is_proven(kind: str, shape: str) -> None:
    """No part of such a fleet is known to fill the host: which VMs stay out is all there is."""
    vms = _blend(kind, shape, 1, 3)
    plan = _plan(vms, host_of(shape))
    assert plan.unplaced
    assert all(one.proven for one in plan.unplaced)


def test_triplets_that_leave_out_the_least_are_found() -> None:
    """CP-SAT finds 116 and proves 102 in twelve seconds."""
    base = fleet("memory-triplets", "8x56x2", 1.0, 1)
    more = fleet("memory-triplets", "8x56x2", 1.0, 10_001)
    every = sorted([*base, *(replace(vm, name=f"x{vm.name}") for vm in more)], key=_name)
    Random("memory-triplets8x56x21").shuffle(every)  # noqa: S311 - not for secrets
    plan = _plan(every[:26], host_of("8x56x2"))
    assert _left_out(every[:26], plan) == 116
    assert all(one.proven for one in plan.unplaced)


def _name(vm: Vm) -> str:
    return vm.name


def test_odd_vms_are_the_ones_to_go_where_cores_are_what_lacks() -> None:
    """Each takes a core that it fills by half: two of them free as much as four vCPUs elsewhere."""
    host = host_of("2x14x2")
    vms = [machine(f"even{n:02}", 4, threads="prefer") for n in range(13)]
    vms += [machine(f"odd{n}", 3, threads="prefer") for n in range(2)]
    plan = _plan(vms, host)
    assert [one.name for one in plan.unplaced] == ["odd1"]


def test_of_sets_with_equally_many_vcpus_the_one_that_shares_least_goes() -> None:
    host = host_of("desktop", core_sharing="allow")
    vms = [machine("even", 4), machine("large", 10), machine("bends", 4, threads="prefer")]
    plan = _plan(vms, host)
    assert [one.name for one in plan.unplaced] == ["bends"]


def test_nobody_fits() -> None:
    host = host_of("2x14x2")
    vms = [machine(name, 40, numa="require") for name in "abcdef"]
    plan = _plan(vms, host)
    assert len(plan.unplaced) == len(vms)
    assert all(one.proven for one in plan.unplaced)


def test_a_thousand_nodes_that_hold_none_of_the_vms_are_not_too_deep() -> None:
    host = synthetic("node:1010 l3:1 core:1 pu:2", memory_gib=1)
    nodes = [replace(n, memory_kib=(64 << 20 if n.id < 4 else n.id)) for n in host.nodes]
    small = [machine(f"v{n}", 2, numa="require") for n in range(6)]
    vms = [replace(vm, memory_kib=(40 << 20) + n) for n, vm in enumerate(small)]
    plan = _plan(vms, replace(host, nodes=tuple(nodes)))
    assert len(plan.vms) == 4
    assert all(left.proven for left in plan.unplaced)
