"""Fleets that fit exactly, or nearly: all is placed, and hardly a sibling shared too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmc.planner.plan import plan_host
from tests.property.judge import violations
from tests.support.fleets import KINDS, LAYOUTS, fleet, host_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Host
    from kvmc.planner.model import HostPlan
    from kvmc.spec.model import Vm

FEW = 2
MANY = 100
MOST_SHARED = 1.06
JUDGED = 128
"""Hosts of up to so many cores are judged CPU by CPU; verify runs on every plan anyway."""

every_case = pytest.mark.parametrize("load", [1.0, 0.95])
every_kind = pytest.mark.parametrize("kind", KINDS)
every_host = pytest.mark.parametrize("name", LAYOUTS)


def wish(vm: Vm) -> int:
    """The cores with which a VM shares no sibling."""
    return vm.cpu.max if vm.pin.threads == "isolate" or vm.cpu.max % 2 else vm.cpu.max // 2


def shared(plan: HostPlan, vms: Sequence[Vm], host: Host) -> int:
    """Over all cores: guest cores that meet there, less one."""
    width = {vm.name: 1 if vm.pin.threads == "isolate" or vm.cpu.max % 2 else 2 for vm in vms}
    tenants: dict[int, set[tuple[str, int]]] = {}
    for one in plan.vms:
        for pin in one.vcpus:
            assert pin.cpus is not None
            core = host.core_of[pin.cpus.first].cpus[0]
            tenants.setdefault(core, set()).add((one.name, pin.id // width[one.name]))
    return sum(len(met) - 1 for met in tenants.values())


def check(kind: str, name: str, load: float, seed: int, sharing: str = "never") -> tuple[int, int]:
    """Place one fleet; return siblings shared and the least by counting."""
    host: Host = host_of(name, core_sharing=sharing)
    vms: Sequence[Vm] = fleet(kind, name, load, seed)
    plan = plan_host(vms, host).value
    assert plan is not None
    assert plan.unplaced == ()
    if len(host.cores) <= JUDGED:
        assert violations(plan, vms, host) == []
    least = max(sum(map(wish, vms)) - len(host.cores), 0)
    return shared(plan, vms, host), least


@every_case
@every_kind
@every_host
def test_tight_fleets_are_placed_whole(kind: str, name: str, load: float) -> None:
    found = [check(kind, name, load, seed) for seed in range(FEW)]
    assert sum(s for s, _ in found) <= MOST_SHARED * sum(b for _, b in found)


@every_case
@pytest.mark.parametrize("kind", ["prefer", "mixed"])
@every_host
def test_tight_fleets_are_placed_whole_where_cores_may_be_shared(
    kind: str, name: str, load: float
) -> None:
    found = [check(kind, name, load, seed, "allow") for seed in range(FEW)]
    assert sum(s for s, _ in found) <= MOST_SHARED * sum(b for _, b in found)


@pytest.mark.slow
@every_case
@every_kind
@every_host
def test_a_hundred_tight_fleets_of_each_kind_are_placed_whole(
    kind: str, name: str, load: float
) -> None:
    found = [check(kind, name, load, seed) for seed in range(FEW, MANY)]
    assert sum(s for s, _ in found) <= MOST_SHARED * sum(b for _, b in found)


@pytest.mark.parametrize("load", [1.0, 0.95])
@pytest.mark.parametrize("kind", ["require", "mixed", "cells", "memory"])
def test_names_and_order_never_decide_whether_a_fleet_fits(kind: str, load: float) -> None:
    host = host_of("epyc")
    vms = fleet(kind, "epyc", load, 1)
    first = plan_host(vms, host).value
    assert plan_host(vms[::-1], host).value == first
    assert first is not None
    assert first.unplaced == ()
