"""Who is left out where a host has not room for all: the fewest vCPUs, and in a moment."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kvmc.planner.plan import plan_host
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
def test_a_few_vms_too_many_are_left_out_in_a_moment(kind: str, shape: str) -> None:
    host = host_of(shape, core_sharing="allow")
    for seed, more in ((1, 1), (2, 3)):
        vms, extra = _too_many(kind, shape, seed, more)
        began = process_time()
        plan = _plan(vms, host)
        assert process_time() - began < 1
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
