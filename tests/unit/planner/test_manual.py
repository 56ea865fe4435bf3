"""CPUs named by number: what is refused, what is warned of, and where memory goes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from kvmc.diagnostics import Severity
from tests.property.hosts import GIB, synthetic
from tests.unit.planner.fleet import (
    by_hand,
    codes,
    cpus,
    machine,
    numa,
    only,
    pins,
    planned,
    refused,
    said,
    shape,
    used,
)

TWO = "node:2 l3:1 core:4 pu:2"
"""Node 0: cores 0+8 to 3+11; node 1: 4+12 to 7+15."""
HOST = synthetic(TWO, reserved=cpus("0"), shared=cpus("1"), pools=(("dpdk", cpus("2")),))


def test_pins_are_taken_as_they_are_vcpu_by_vcpu() -> None:
    plan = only(HOST, by_hand("a", "15", "3", "4-7"))
    assert pins(plan) == ["15", "3", "4-7"]
    assert [pin.dedicated for pin in plan.vcpus] == [True, True, False]


def test_pins_reach_to_max_so_that_hotplug_never_floats() -> None:
    plan = only(HOST, by_hand("a", "3", "4", "5", boot=1))
    assert [(pin.boot, str(pin.cpus)) for pin in plan.vcpus] == [
        (True, "3"),
        (False, "4"),
        (False, "5"),
    ]


@pytest.mark.parametrize(
    ("pin", "why"),
    [
        ("16", "not online"),
        ("16-17", "not online"),
        ("2", "pooled"),
        ("2-3", "pooled"),
        ("0", "reserved"),
        ("1", "shared set"),
        ("9", "shared set"),
    ],
)
def test_a_pin_to_a_cpu_that_is_not_for_guests_is_refused(pin: str, why: str) -> None:
    plan, outcome = planned(HOST, by_hand("a", "3", pin))
    assert [u.name for u in plan.unplaced] == ["a"]
    assert why in said(outcome, "KV510")
    (found,) = outcome.diagnostics
    assert found.place is not None
    assert found.place.pointer == "/pin/map/1"


def test_a_pin_to_several_cpus_may_float_over_shared_ones() -> None:
    assert pins(only(HOST, by_hand("a", "1,9"))) == ["1,9"]


@pytest.mark.parametrize("pin", ["0-1", "0,8"])
def test_no_vcpu_floats_over_reserved_cpus(pin: str) -> None:
    plan, outcome = planned(HOST, by_hand("a", pin))
    assert (plan.vms, codes(outcome)) == ((), ["KV510"])
    assert "reserved on" in said(outcome, "KV510")


@pytest.mark.parametrize("place", ["emulator", "iothreads"])
@pytest.mark.parametrize(("listed", "fine"), [("0-1", True), ("2", False), ("3,16", False)])
def test_a_list_may_name_reserved_cpus_but_no_pool_and_none_offline(
    place: str, listed: str, fine: bool
) -> None:
    vm = by_hand("a", "3", iothreads=1)
    wish: dict[str, Any] = {place: cpus(listed)}
    vm = replace(vm, pin=replace(vm.pin, **wish))
    plan, outcome = planned(HOST, vm)
    assert bool(plan.vms) is fine
    assert codes(outcome) == ([] if fine else ["KV510"])


def test_a_list_of_a_vm_that_is_not_manual_obeys_the_same_rule() -> None:
    assert "a" in refused(HOST, machine("a", 2, emulator=cpus("2")))


def test_two_vcpus_of_one_vm_never_get_the_same_cpu_alone() -> None:
    _, outcome = planned(HOST, by_hand("a", "3", "4", "3"))
    assert "vCPUs 0, 2" in said(outcome, "KV511")


@pytest.mark.parametrize(
    ("first", "second"),
    [(("3",), ("3",)), (("3",), ("11",)), (("3",), ("3,5",)), (("3,5",), ("11",))],
    ids=str,
)
def test_of_two_vms_that_contradict_each_other_the_later_name_is_refused(
    first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    for order in ((0, 1), (1, 0)):
        vms = [by_hand("a", *first), by_hand("b", *second)]
        plan, outcome = planned(HOST, *(vms[i] for i in order))
        assert [vm.name for vm in plan.vms] == ["a"]
        assert codes(outcome) == ["KV511"]


def test_pins_that_float_over_the_same_cpus_do_not_contradict_each_other() -> None:
    plan, _ = planned(HOST, by_hand("a", "3-5"), by_hand("b", "4-6"))
    assert [vm.name for vm in plan.vms] == ["a", "b"]


@pytest.mark.parametrize(("threads", "fine"), [("prefer", True), ("isolate", False)])
def test_core_sharing_lets_only_prefer_vms_name_siblings(threads: Any, fine: bool) -> None:
    host = synthetic(TWO, core_sharing="allow")
    plan, _ = planned(host, by_hand("a", "3"), by_hand("b", "11", threads=threads))
    assert len(plan.vms) == (2 if fine else 1)


def test_core_sharing_never_lets_two_vms_name_one_cpu() -> None:
    host = synthetic(TWO, core_sharing="allow")
    assert list(refused(host, by_hand("a", "3"), by_hand("b", "3"))) == ["b"]


def test_the_numbers_of_a_refused_vm_bind_nobody() -> None:
    host = synthetic("node:1 l3:1 core:2 pu:2")
    plan, _ = planned(host, by_hand("a", "0", "0"), machine("b", 4))
    assert [(vm.name, used(vm)) for vm in plan.vms] == [("b", cpus("0-3"))]


@pytest.mark.parametrize(
    ("threads", "severity"),
    [("prefer", Severity.WARNING), ("require", Severity.ERROR), ("isolate", Severity.ERROR)],
)
def test_vcpus_that_meet_on_a_core_unseen_by_the_guest_are_named(
    threads: Any, severity: Severity
) -> None:
    vm = by_hand("a", "3", "4", "11", "12", threads=threads)
    _, outcome = planned(HOST, vm)
    found = [d for d in outcome.diagnostics if d.code == "KV512"]
    assert {d.severity for d in found} == {severity}
    assert any("0, 2" in d.message for d in found)


def test_guest_threads_on_siblings_are_no_news() -> None:
    _, outcome = planned(HOST, by_hand("a", "3", "11", "4", "12", threads="require"))
    assert codes(outcome) == []


def test_require_without_siblings_is_refused() -> None:
    _, outcome = planned(HOST, by_hand("a", "3", "4", threads="require"))
    assert codes(outcome) == ["KV512"]


@pytest.mark.parametrize(
    ("threads", "code", "severity"),
    [
        ("prefer", "KV505", Severity.WARNING),
        ("isolate", "KV505", Severity.WARNING),
        ("require", "KV512", Severity.ERROR),
    ],
)
def test_guest_threads_on_different_cores_are_told(
    threads: Any, code: str, severity: Severity
) -> None:
    vm = by_hand("a", "3", "4", "5", "6", threads=threads, topology=shape(cores=2, threads=2))
    _, outcome = planned(HOST, vm)
    assert [(d.code, d.severity) for d in outcome.diagnostics] == [(code, severity)]


def test_a_topology_against_the_pins_is_said() -> None:
    vm = by_hand("a", "3", "11", topology=shape(cores=2))
    _, outcome = planned(HOST, vm)
    assert codes(outcome) == ["KV512"]


@pytest.mark.parametrize(
    ("wanted", "nodes"),
    [(("3", "11"), "0"), (("4", "12"), "1"), (("3", "4"), "0-1"), (("3-4",), "0-1")],
)
def test_memory_follows_the_pins(wanted: tuple[str, ...], nodes: str) -> None:
    plan = only(HOST, by_hand("a", *wanted))
    assert str(plan.memory_nodes) == nodes
    assert plan.memory_mode == "strict"


def test_the_memory_of_each_cell_follows_its_own_pins() -> None:
    vm = by_hand("a", "3", "11", "4", "12", **numa("0-1", "2-3"))
    assert [cell.host_node for cell in only(HOST, vm).cells] == [0, 1]


def test_a_cell_whose_pins_are_on_two_nodes_is_bound_to_neither() -> None:
    vm = by_hand("a", "3", "4", "5", "6", **numa("0-1", "2-3"))
    assert [cell.host_node for cell in only(HOST, vm).cells] == [None, 1]


def test_a_cell_that_its_node_cannot_hold_is_never_bound_there_in_silence() -> None:
    host = synthetic(TWO, memory_gib=4)
    plan, outcome = planned(host, by_hand("a", "1", "9", **numa("0-1", memory_kib=6 * GIB)))
    assert outcome.diagnostics or not plan.vms


def test_without_a_host_nothing_is_bound_and_nothing_is_checked() -> None:
    plan = only(None, by_hand("a", "3", "60000", **numa("0", "1")))
    assert pins(plan) == ["3", "60000"]
    assert plan.memory_nodes is None
    assert [cell.host_node for cell in plan.cells] == [None, None]


@pytest.mark.parametrize("place", ["share", "isolate"])
def test_words_that_mean_cpus_of_a_host_need_one(place: Any) -> None:
    _, outcome = planned(None, by_hand("a", "3", emulator=place))
    assert codes(outcome) == ["KV513"]


def test_an_isolated_emulator_gets_a_cpu_that_no_pin_names() -> None:
    host = synthetic("node:1 l3:1 core:2 pu:2")
    plan = only(host, by_hand("a", "0", emulator="isolate"))
    assert plan.emulator is not None
    assert len(plan.emulator) == 1
    assert plan.emulator.isdisjoint(cpus("0"))
