"""A VM whose spec has changed keeps its CPUs where they still do; otherwise it alone moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kvmc.planner.held import hold
from kvmc.planner.plan import plan_host
from tests.property.hosts import GIB, synthetic
from tests.unit.planner.fleet import cpus, machine, numa, pins

if TYPE_CHECKING:
    from kvmc.planner.held import Held
    from kvmc.planner.model import HostPlan, VmPlan
    from kvmc.spec.model import Vm

HOST = synthetic("node:2 l3:1 core:4 pu:2", memory_gib=4)
"""Node 0: cores 0+8 to 3+11; node 1: 4+12 to 7+15; 4 GiB each."""


def _plan(vms: list[Vm], held: list[Held]) -> HostPlan:
    value = plan_host(vms, HOST, held).value
    assert value is not None
    return value


def _named(plan: HostPlan, name: str) -> VmPlan:
    return next(vm for vm in plan.vms if vm.name == name)


def _after(first: Vm, other: Vm, changed: Vm) -> tuple[VmPlan, VmPlan]:
    """Lock two VMs, take the first one's neighbour away and change it; return before and after."""
    before = _plan([first, other], [])
    held = [hold(vm, _named(before, vm.name)) for vm in (first, other)]
    lonely = [line for line in held if line.name == first.name]
    return _named(before, first.name), _named(_plan([changed], lonely), first.name)


@pytest.mark.parametrize(
    "change",
    [
        {"memory_kib": 2 * GIB},
        {"iothreads": 2},
        {"cpus": cpus("0-15")},
        {"l3": "require"},
        {"numa": "require"},
        {"boot": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_that_its_place_allows_moves_nothing(change: dict[str, Any]) -> None:
    # "a" is placed first, so that "web" stands where no empty host would put it.
    web, other = machine("web", 4), machine("a", 4)
    before, after = _after(web, other, machine("web", 4, **change))
    assert pins(before) == ["2", "10", "3", "11"]
    assert pins(after) == pins(before)


@pytest.mark.parametrize(
    "change", [{"threads": "isolate"}, {"cpus": cpus("0-1,8-9")}], ids=["threads", "cpus"]
)
def test_a_change_that_its_place_forbids_moves_it(change: dict[str, Any]) -> None:
    web, other = machine("web", 4), machine("a", 4)
    before, after = _after(web, other, machine("web", 4, **change))
    assert pins(after) != pins(before)


def test_more_vcpus_are_planned_anew() -> None:
    before, after = _after(machine("web", 4), machine("a", 4), machine("web", 6))
    assert len(pins(after)) == 6
    assert set(pins(after)).isdisjoint(pins(before)) or len(pins(after)) > len(pins(before))


def test_memory_that_its_node_has_no_more_moves_it_and_no_other() -> None:
    small = [machine(name, 2, **numa("0-1", memory_kib=GIB)) for name in ("a", "b")]
    before = _plan(small, [])
    held = [hold(vm, _named(before, vm.name)) for vm in small]
    grown = machine("b", 2, **numa("0-1", memory_kib=7 * GIB // 2))
    after = _plan([small[0], grown], held)
    assert pins(_named(after, "a")) == pins(_named(before, "a"))
    assert _named(before, "b").cells[0].host_node == _named(before, "a").cells[0].host_node
    assert _named(after, "b").cells[0].host_node != _named(before, "a").cells[0].host_node


def test_who_stays_makes_room_where_that_is_the_only_way_to_place_all() -> None:
    # web alone on node 0 could stay; the new VM needs a whole node, and db holds the other.
    web = machine("web", 2)
    db = machine("db", 2, cpus=cpus("4-7,12-15"))
    before = _plan([web, db], [])
    held = [hold(vm, _named(before, vm.name)) for vm in (web, db)]
    changed = machine("web", 2, memory_kib=2 * GIB)
    new = machine("new", 8, **numa("0-7", memory_kib=GIB))
    after = _plan([changed, db, new], held)
    assert {vm.name for vm in after.vms} == {"web", "db", "new"}
    assert pins(_named(after, "db")) == pins(_named(before, "db"))
