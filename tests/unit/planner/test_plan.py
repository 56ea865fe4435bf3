"""Laws of `plan_host` that no single rule states."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.diagnostics import Place
from tests.property.hosts import GIB, synthetic
from tests.unit.planner.fleet import (
    by_hand,
    cpus,
    machine,
    numa,
    only,
    pins,
    planned,
    refused,
    shape,
    used,
)

TWO = "node:2 l3:1 core:4 pu:2"
"""Node 0: cores 0+8 to 3+11; node 1: 4+12 to 7+15."""
FLEET = (
    machine("web", 4),
    machine("db", 3, threads="isolate"),
    machine("lb", 2, strategy="shared"),
    by_hand("old", "7", "15"),
    machine("free", 2, strategy="none"),
)


def _lianhua() -> Any:
    """The example's host: two sockets of 14 cores, siblings n and n+28, six CPUs for guests."""
    return synthetic("node:2 l3:1 core:14 pu:2", dedicated=cpus("6,9,11,34,37,39"))


def test_lianhuas_guest_cores_are_the_sibling_pairs_of_the_administrator() -> None:
    vm = machine("lianhua", 6, threads="require", topology=shape(sockets=3, threads=2))
    plan = only(_lianhua(), vm)
    pairs = {frozenset(pins(plan)[i : i + 2]) for i in (0, 2, 4)}
    assert pairs == {frozenset(p) for p in (("9", "37"), ("11", "39"), ("6", "34"))}
    assert str(plan.emulator) == "6,9,11,34,37,39"


def test_the_order_of_the_vms_does_not_matter() -> None:
    host = synthetic(TWO, shared=cpus("0"))
    plans = {planned(host, *order)[1] for order in permutations(FLEET, len(FLEET))}
    assert len(plans) == 1


def test_the_order_of_names_among_equals_decides_and_nothing_of_their_files() -> None:
    host = synthetic(TWO)
    vms = [machine(name, 4) for name in "ab"]
    moved = [replace(vm, place=Place(file=f"{9 - i}.yaml")) for i, vm in enumerate(vms)]
    assert planned(host, *vms)[0] == planned(host, *moved)[0]


def test_the_plan_is_by_name() -> None:
    plan, _ = planned(synthetic(TWO, shared=cpus("0")), *FLEET)
    names = [vm.name for vm in plan.vms]
    assert names == sorted(names)
    assert set(names) == {vm.name for vm in FLEET}


def test_every_vcpu_from_0_to_max_has_a_pin() -> None:
    host = synthetic(TWO, shared=cpus("0"))
    plan, _ = planned(host, machine("a", 6, boot=2), machine("b", 4, boot=1, strategy="shared"))
    for vm, boot in zip(plan.vms, (2, 1), strict=True):
        assert [pin.id for pin in vm.vcpus] == list(range(vm.topology.vcpus))
        assert [pin.boot for pin in vm.vcpus] == [i < boot for i in range(len(vm.vcpus))]
        assert all(pin.cpus for pin in vm.vcpus)


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_host_is_a_plan_too(count: int) -> None:
    plan, outcome = planned(synthetic(TWO), *FLEET[4:][:count])
    assert (plan.unplaced, outcome.diagnostics) == ((), ())
    assert len(plan.vms) == count


def test_a_host_without_cores_for_guests_refuses_everyone_that_needs_some() -> None:
    host = synthetic(TWO, reserved=cpus("0-15"))
    assert set(refused(host, machine("a", 1), machine("b", 1, threads="isolate"))) == {"a", "b"}


@pytest.mark.parametrize("threads", ["prefer", "require", "isolate"])
def test_two_vms_never_meet_on_a_core(threads: Any) -> None:
    host = synthetic(TWO)
    counts = {"prefer": (3, 3, 3), "require": (6, 4, 2), "isolate": (3, 3, 2)}[threads]
    vms = [machine(name, count, threads=threads) for name, count in zip("abc", counts, strict=True)]
    plan, _ = planned(host, *vms)
    assert not plan.unplaced or threads == "prefer"
    homes = [{host.core_of[cpu].cpus for cpu in used(vm)} for vm in plan.vms]
    assert sum(map(len, homes)) == len(set().union(*homes))


@pytest.mark.parametrize("threads", ["require", "isolate"])
def test_a_host_without_smt_has_cores_but_no_siblings(threads: Any) -> None:
    host = synthetic("node:2 l3:1 core:4 pu:1")
    fits = not planned(host, machine("a", 4, threads=threads))[0].unplaced
    assert fits is (threads == "isolate")


@pytest.mark.parametrize("count", [1, 3, 5])
def test_require_wants_whole_cores(count: int) -> None:
    assert "a" in refused(synthetic(TWO), machine("a", count, threads="require"))


def test_a_vm_stays_on_one_node_where_it_can() -> None:
    host = synthetic(TWO)
    plan, _ = planned(host, machine("a", 2), machine("b", 8))
    nodes = [{host.core_of[cpu].node for cpu in used(vm)} for vm in plan.vms]
    assert [len(n) for n in nodes] == [1, 1]
    assert nodes[0] != nodes[1]


def test_a_vm_stays_within_one_cache_where_it_can() -> None:
    host = synthetic("node:1 l3:4 core:2 pu:2")
    plan, _ = planned(host, *(machine(name, 4) for name in "abcd"))
    caches = [{host.core_of[cpu].l3 for cpu in used(vm)} for vm in plan.vms]
    assert sorted(map(len, caches)) == [1, 1, 1, 1]


def test_whole_free_nodes_stay_whole() -> None:
    host = synthetic(TWO)
    plan, _ = planned(host, *(machine(name, 2) for name in "abcd"))
    nodes = {host.core_of[cpu].node for vm in plan.vms for cpu in used(vm)}
    assert nodes == {0}


def test_the_nearest_nodes_are_taken_together() -> None:
    host = synthetic("node:4 l3:1 core:2 pu:1")
    far = {(0, 1): 31, (0, 2): 31, (0, 3): 12, (1, 2): 16, (1, 3): 31, (2, 3): 31}
    nodes = tuple(
        replace(
            node,
            distances=tuple(
                (m, 10 if m == node.id else far[min(m, node.id), max(m, node.id)]) for m in range(4)
            ),
        )
        for node in host.nodes
    )
    plan = only(replace(host, nodes=nodes), machine("a", 4))
    assert {host.core_of[cpu].node for cpu in used(plan)} == {0, 3}


def test_strict_cells_are_on_different_nodes_with_their_memory() -> None:
    host = synthetic(TWO, memory_gib=4)
    plan = only(host, machine("a", 4, **numa("0-1", "2-3", memory_kib=3 * GIB)))
    assert sorted(str(cell.host_node) for cell in plan.cells) == ["0", "1"]


def test_more_strict_cells_than_nodes_do_not_fit() -> None:
    assert "a" in refused(synthetic(TWO), machine("a", 6, **numa("0-1", "2-3", "4-5")))


@pytest.mark.parametrize("mode", ["preferred", "interleave", "restrictive"])
def test_cells_that_need_not_be_apart_may_meet(mode: str) -> None:
    vm = machine("a", 6, **numa("0-1", "2-3", "4-5", mode=mode))
    assert len(used(only(synthetic(TWO), vm))) == 6


def test_mixed_vms_have_their_dedicated_vcpus_and_the_others_float() -> None:
    host = synthetic(TWO, shared=cpus("0,8"))
    plan = only(host, machine("a", 4, strategy="mixed", vcpus=cpus("2-3")))
    assert pins(plan)[:2] == ["0,8", "0,8"]
    assert [pin.dedicated for pin in plan.vcpus] == [False, False, True, True]
    assert used(plan).isdisjoint(cpus("0,8"))


def test_nothing_is_said_to_have_moved_without_a_lock() -> None:
    plan, _ = planned(synthetic(TWO, shared=cpus("0")), *FLEET)
    assert not any(vm.moved for vm in plan.vms)


def test_thread_policy_is_told_only_where_something_is_dedicated() -> None:
    plan, _ = planned(synthetic(TWO, shared=cpus("0")), *FLEET)
    told = {vm.name: vm.threads for vm in plan.vms}
    assert told == {"web": "prefer", "db": "isolate", "old": "prefer", "lb": None, "free": None}


def test_a_core_of_four_threads_is_filled_before_a_second_is_broken() -> None:
    host = synthetic("node:1 l3:1 core:2 pu:4")
    plan = only(host, machine("a", 4, threads="require"))
    assert len({host.core_of[cpu].cpus for cpu in used(plan)}) == 1
    assert plan.topology == shape(threads=4)


def test_cpu_ids_with_gaps_are_kept() -> None:
    host = synthetic("node:1 l3:1 core:2 pu:2")
    renamed = tuple(replace(c, cpus=tuple(100 + 7 * cpu for cpu in c.cpus)) for c in host.cores)
    plan = only(replace(host, cores=renamed), machine("a", 4))
    assert used(plan) == CpuSet([100, 107, 114, 121])


def test_a_cell_that_only_floats_is_in_no_cache_beside_others_that_are() -> None:
    host = synthetic("node:2 l3:2 core:3 pu:2", shared=cpus("0,12"))
    cells = numa("0-2", "3-5", mode="preferred")
    vms = [
        machine("a", 6, strategy="mixed", vcpus=cpus("0-2"), l3="require", **cells),
        machine("b", 3, numa="require", memory_kib=GIB),
        machine("c", 3, l3="require"),
        machine("d", 5, numa="require", memory_kib=GIB),
        machine("e", 3, l3="require"),
    ]
    plan, _ = planned(host, *vms)
    assert {"a", "b"} <= {vm.name for vm in plan.vms}
