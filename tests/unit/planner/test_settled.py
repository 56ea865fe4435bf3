"""--replan: VMs that ask for the same do not exchange places for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.planner.held import hold
from kvmc.planner.plan import plan_host
from tests.property.hosts import synthetic
from tests.unit.planner.fleet import machine, used

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.held import Held
    from kvmc.planner.model import HostPlan
    from kvmc.spec.model import Vm

HOST = synthetic("node:1 l3:1 core:8 pu:2")


def _plan(vms: Sequence[Vm], former: Sequence[Held] = ()) -> HostPlan:
    plan = plan_host(vms, HOST, (), former).value
    assert plan is not None
    return plan


def _lines(plan: HostPlan, vms: Sequence[Vm], names: str) -> list[Held]:
    """Return the lock's lines with the places of VMs a, b, ... given to `names`."""
    by_name = {vm.name: vm for vm in vms}
    return [
        replace(hold(by_name[p.name], p), name=name)
        for p, name in zip(plan.vms, names, strict=True)
    ]


def test_each_of_many_alike_stays_where_it_was() -> None:
    vms = [machine(name, 2) for name in "abc"]
    first = _plan(vms)
    again = _plan(vms, _lines(first, vms, "bca"))
    before = {name: used(p) for name, p in zip("bca", first.vms, strict=True)}
    assert {p.name: used(p) for p in again.vms} == before
    assert [p.name for p in again.vms] == ["a", "b", "c"]


def test_who_asks_for_something_else_exchanges_nothing() -> None:
    vms = [machine("a", 2), machine("b", 2, boot=1), machine("c", 2, memory_kib=2048)]
    first = _plan(vms)
    again = _plan(vms, _lines(first, vms, "bca"))
    assert [used(p) for p in again.vms] == [used(p) for p in first.vms]


def test_vms_of_the_shared_set_are_all_in_one_place() -> None:
    host = replace(HOST, policy=replace(HOST.policy, shared=HOST.online))
    vms = [machine(name, 2, strategy="shared") for name in "abc"]
    plan = plan_host(vms, host).value
    assert plan is not None
    again = plan_host(vms, host, (), _lines(plan, vms, "abc")).value
    assert again == plan
