"""The laws of the planner, on small random hosts and fleets, against brute force.

The seed in a test's name is the whole case: `case(seed)`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kvmc.planner.plan import plan_host
from tests.property.brute import best
from tests.property.fleets import case
from tests.property.judge import cost, violations
from tests.property.report import told
from tests.property.seats import refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Host
    from kvmc.planner.model import HostPlan
    from kvmc.spec.model import Vm
    from tests.property.brute import Best
    from tests.property.fleets import Case

SEEDS = (*range(300), 5010, 5813)
"""The last two: distances count nodes with dedicated vCPUs, and memory by hand follows the pins."""
COMPARED = 9
"""How many of the preferences must be as good as brute force's."""

each_seed = pytest.mark.parametrize("seed", SEEDS)


def plan(vms: Sequence[Vm], host: Host) -> HostPlan:
    """The planner's answer; there is always a value."""
    value = plan_host(vms, host).value
    assert value is not None
    return value


@cache
def planned(seed: int) -> tuple[Case, HostPlan]:
    one = case(seed)
    return one, plan(one.vms, one.host)


@cache
def brute(seed: int) -> Best:
    one = case(seed)
    return best(one.vms, one.host)


@each_seed
def test_every_plan_keeps_the_rules(seed: int) -> None:
    one, found = planned(seed)
    assert violations(found, one.vms, one.host) == [], told(one.host, one.vms)


@each_seed
def test_what_has_a_place_gets_one_and_what_has_none_is_proven(seed: int) -> None:
    one, found = planned(seed)
    out = sum(vm.cpu.max for vm in one.vms if vm.name in {u.name for u in found.unplaced})
    assert (not found.unplaced) == (not brute(seed).left_out), told(one.host, one.vms)
    assert out == brute(seed).cost[0], told(one.host, one.vms)
    assert all(u.proven and u.reason for u in found.unplaced)


@each_seed
def test_an_error_is_reported_exactly_where_something_is_left_out(seed: int) -> None:
    one, found = planned(seed)
    outcome = plan_host(one.vms, one.host)
    assert any(d.is_error for d in outcome.diagnostics) == bool(found.unplaced)


@each_seed
def test_no_plan_is_better(seed: int) -> None:
    one, found = planned(seed)
    ours, least = cost(found, one.vms, one.host), brute(seed).cost
    assert ours[:COMPARED] == least[:COMPARED], told(one.host, one.vms)


@each_seed
def test_the_order_of_the_vms_does_not_matter(seed: int) -> None:
    one, found = planned(seed)
    assert plan(one.vms[::-1], one.host) == found
    assert plan([*one.vms[1:], *one.vms[:1]], one.host) == found


@each_seed
def test_planning_twice_gives_the_same_plan(seed: int) -> None:
    one, found = planned(seed)
    again = case(seed)
    assert plan(again.vms, again.host) == found
    assert repr(plan_host(again.vms, again.host)) == repr(plan_host(one.vms, one.host))


@each_seed
def test_names_do_not_change_the_price(seed: int) -> None:
    """Up to the nodes: who is refused, and whose memory is booked first, goes by name."""
    one, found = planned(seed)
    if refused(one.vms, one.host):
        pytest.skip("numbers that contradict each other are refused by name")
    turned = dict(zip("abcd", "zyxw", strict=True))
    renamed = [replace(vm, name=turned[vm.name]) for vm in one.vms]
    price = cost(plan(renamed, one.host), renamed, one.host)
    assert price[:5] == cost(found, one.vms, one.host)[:5], told(one.host, one.vms)


@each_seed
def test_fewer_vms_never_fit_worse(seed: int) -> None:
    one, found = planned(seed)
    if found.unplaced:
        pytest.skip("not everything fits")
    for gone in one.vms:
        rest = [vm for vm in one.vms if vm is not gone]
        assert plan(rest, one.host).unplaced == (), told(one.host, rest)
