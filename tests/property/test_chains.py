"""Cores that several VMs share, followed core by core: as good as VM by VM, in any order."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kvmc.planner import plan
from kvmc.planner.search import assign
from kvmc.planner.search.chains import chained
from tests.property.fleets import case
from tests.property.judge import violations
from tests.property.report import told

if TYPE_CHECKING:
    from kvmc.host.model import Host
    from kvmc.planner.model import HostPlan
    from kvmc.planner.problem import Problem, Solution
    from kvmc.spec.model import Vm


def _planned(vms: list[Vm], host: Host) -> HostPlan:
    value = plan.plan_host(vms, host).value
    assert value is not None
    return value


def _cores_by_tenants(found: HostPlan, host: Host) -> list[int]:
    """Return how many VMs each used core has, ascending."""
    tenants: dict[int, set[str]] = {}
    for vm in found.vms:
        for pin in vm.vcpus:
            if pin.dedicated and pin.cpus:
                tenants.setdefault(host.core_of[pin.cpus.first].cpus[0], set()).add(vm.name)
    return sorted(len(names) for names in tenants.values())


@pytest.mark.parametrize("seed", range(150))
def test_cores_followed_one_by_one_are_shared_as_the_search_wants(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = case(seed)
    host = replace(one.host, policy=replace(one.host.policy, core_sharing="allow"))
    vms = list(one.vms)
    before = _planned(vms, host)
    monkeypatch.setattr(assign, "_replayed", lambda *_: None)
    after = _planned(vms, host)
    assert [vm.name for vm in after.vms] == [vm.name for vm in before.vms]
    assert violations(after, vms, host) == [], told(host, vms)
    assert _cores_by_tenants(after, host) == _cores_by_tenants(before, host)


@pytest.mark.parametrize("seed", range(40))
def test_the_order_of_vms_does_not_matter(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    one = case(seed)
    host = replace(one.host, policy=replace(one.host.policy, core_sharing="allow"))
    vms = list(one.vms)
    true = chained

    def shuffled(host: Host, problem: Problem, solution: Solution) -> object:
        order = list(solution.order)
        Random(seed).shuffle(order)  # noqa: S311 - not for secrets
        return true(host, problem, replace(solution, order=tuple(order)))

    monkeypatch.setattr(assign, "_replayed", shuffled)
    assert violations(_planned(vms, host), vms, host) == [], told(host, vms)
