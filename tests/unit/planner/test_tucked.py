"""Isolated threads take spare siblings of their own `prefer` VM where there are no other cores."""

from __future__ import annotations

import pytest

from kvmc.cpuset import CpuSet
from kvmc.planner.demand import demands_of
from kvmc.planner.search.tucked import tucked
from tests.property.hosts import GIB, synthetic
from tests.unit.planner.fleet import cpus, machine, numa, only, planned, used

HOST = synthetic("node:2 l3:2 core:4 pu:2", dedicated=cpus("1-15,17-31"))
"""15 cores of two threads that guests may have."""


@pytest.mark.parametrize("count", [27, 29])
def test_an_isolated_emulator_goes_beside_the_last_vcpu(count: int) -> None:
    plan = only(HOST, machine("a", count, emulator="isolate"))
    assert plan.emulator is not None
    assert len(plan.emulator) == 1
    assert plan.emulator.isdisjoint(CpuSet(p.cpus.first for p in plan.vcpus if p.cpus))
    assert plan.topology.threads == 1


def test_where_cores_are_left_it_has_one_of_its_own() -> None:
    plan = only(HOST, machine("a", 24, emulator="isolate"))
    cores = {frozenset(HOST.core_of[c].cpus) for c in used(plan)}
    assert plan.emulator is not None
    assert frozenset(HOST.core_of[plan.emulator.first].cpus) not in cores
    assert plan.topology.threads == 2


def test_with_cells_it_is_on_a_node_that_has_a_sibling_left() -> None:
    small = synthetic("node:2 l3:1 core:4 pu:2")
    vm = machine("a", 15, emulator="isolate", **numa("0-7", "8-14", memory_kib=GIB))
    plan = only(small, vm)
    assert plan.emulator is not None
    assert str(plan.cells[1].host_node) == str(small.core_of[plan.emulator.first].node)


def test_two_vms_never_meet_for_it() -> None:
    plan, _ = planned(HOST, *[machine(n, 13, emulator="isolate") for n in "ab"])
    homes = [
        {HOST.core_of[c].cpus[0] for c in used(vm) | (vm.emulator or CpuSet())} for vm in plan.vms
    ]
    assert len(homes) == 2
    assert homes[0].isdisjoint(homes[1])


def test_one_more_than_there_are_threads_is_refused() -> None:
    plan, _ = planned(HOST, machine("a", 30, emulator="isolate"))
    assert [u.name for u in plan.unplaced] == ["a"]


def test_a_vm_without_any_candidate_has_no_sibling_to_spare() -> None:
    vm = machine("a", 4, kind="efficiency", emulator="isolate")
    demands = demands_of([vm], HOST)
    assert tucked(demands, HOST) == demands
