"""Evening out nodes: nobody shares for want of a better node; and what counting proves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from benchmarks import fleets
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.host.model import Policy
from kvmc.planner.demand import demands_of
from kvmc.planner.search.bends import bend_of
from kvmc.planner.search.crowd import Crowd
from kvmc.planner.search.pieces import orders_of
from kvmc.planner.search.search import search
from kvmc.planner.search.setup import problem_of
from kvmc.planner.search.sizing import Spot
from kvmc.planner.search.sums import missing_cores, surely_too_many, too_many_for_caches
from kvmc.planner.search.supply import supply_of
from tests.property.hosts import synthetic
from tests.support.fleets import machine
from tests.unit.planner.fleet import planned

if TYPE_CHECKING:
    from kvmc.host.model import Host
    from kvmc.planner.problem import Problem, Solution
    from kvmc.planner.search.pieces import Order
    from kvmc.planner.search.supply import Supply
    from kvmc.spec.model import Vm


def host(shape: str, *reserved: int, sharing: str = "never") -> Host:
    policy = Policy(reserved=CpuSet(reserved), core_sharing=sharing)  # type: ignore[arg-type]
    return replace(synthetic(shape, memory_gib=64), policy=policy)


def solve(where: Host, *vms: Vm, budget: int | None = None) -> Solution:
    named = [replace(vm, name=f"vm{n:02}") for n, vm in enumerate(vms)]
    return search(problem_of(where, demands_of(named, where), (), (), budget))


def terms(where: Host, *vms: Vm) -> tuple[Problem, Supply, list[Order]]:
    problem = problem_of(where, demands_of(vms, where), (), ())
    supply = supply_of(problem)
    return problem, supply, orders_of(problem, supply)


def prefer(vcpus: int, **pin: Any) -> Vm:
    return machine("", vcpus, threads="prefer", **pin)


def test_two_large_vms_do_not_crowd_one_node() -> None:
    """Seven vCPUs fit four cores, so both fit one node of eight; then they would share six."""
    vms = [prefer(7, numa="require") for _ in range(2)]
    others = [machine("", n, threads="isolate", numa="require") for n in (3, 1, 2)]
    found = solve(host("node:4 l3:1 core:8 pu:2", 0), *vms, *others)
    assert found.cost.left_out == found.cost.shared == 0


def test_vms_that_may_leave_whole_cores_to_those_that_need_them() -> None:
    """CPU 0 is reserved, so its core has one thread: a `prefer` VM has to take it."""
    vms = [prefer(3), prefer(1), *[machine("", 2) for _ in range(4)]]
    found = solve(host("node:2 l3:1 core:4 pu:2", 0), *vms)
    assert found.cost.left_out == 0
    assert found.cost.shared == 0


def test_cores_that_are_left_go_to_what_is_bound_first() -> None:
    """The unbound VM takes its second core anywhere; the bound one on its own node only."""
    vms = [prefer(3), prefer(5, numa="require"), machine("", 4, numa="require")]
    more = [machine("", 2), machine("", 2)]
    found = solve(host("node:2 l3:1 core:6 pu:2"), *vms, *more)
    assert found.cost.shared == 0


@pytest.mark.parametrize("pin", [{}, {"numa": "require"}])
def test_counting_proves_that_caches_do_not_hold_all(pin: dict[str, Any]) -> None:
    """Seven of three cores on six caches of four, although 21 cores are less than 24."""
    where = host("node:2 l3:3 core:4 pu:2")
    vms = [machine(f"vm{n}", 6, l3="require", **pin) for n in range(7)]
    problem, supply, orders = terms(where, *vms)
    assert too_many_for_caches(problem, supply, orders)
    assert not too_many_for_caches(problem, supply, orders[1:])
    found = solve(where, *vms, budget=100)
    assert found.complete
    assert found.cost.left_out == 6


def test_trying_all_caches_proves_what_counting_does_not() -> None:
    """4, 4, 3+2 and 2+2 fill four caches of five as well as can be; one VM of two cores is left."""
    where = host("node:2 l3:2 core:5 pu:2")
    vms = [machine(f"vm{n}", 2 * c, l3="require") for n, c in enumerate((4, 4, 3, 2, 2, 2, 2))]
    assert not too_many_for_caches(*terms(where, *vms))
    found = solve(where, *vms)
    assert found.complete
    assert found.cost.left_out == 4


def test_a_vm_that_fits_nowhere_does_not_hide_what_the_others_can_have() -> None:
    found = solve(host("node:2 l3:1 core:2 pu:2"), machine("", 6, l3="require"), prefer(3))
    assert found.complete
    assert [p is None for p in found.placements].count(True) == 1
    assert found.cost.left_out == 6
    assert found.cost.shared == 0


def test_sums_prove_at_once_that_not_all_fit() -> None:
    where = host("node:2 l3:1 core:2 pu:2")
    vms = [machine(f"vm{n}", 4) for n in range(3)]
    assert surely_too_many(terms(where, *vms)[0])
    assert not surely_too_many(terms(where, *vms[1:])[0])


def test_what_a_vm_shares_at_its_best_is_no_fault_of_the_plan() -> None:
    """Nine vCPUs within a cache of six cores share three siblings, with whatever else."""
    problem, _, orders = terms(host("node:2 l3:1 core:6 pu:2"), prefer(9, l3="require"))
    assert missing_cores(problem, orders) == 3


def test_a_step_takes_a_core_more_and_a_pair_less() -> None:
    """Cores with one free thread and with two: three vCPUs on two cores, or on three."""
    _, supply, orders = terms(host("node:1 l3:1 core:4 pu:2", 0), prefer(3))
    bend = bend_of(orders[0].pieces[0])
    assert bend is not None
    assert bend.steps == 1
    whole, every = sorted(range(2), key=lambda u: supply.nodes[0][u])
    assert (bend.change[whole], bend.change[every]) == (-1, 1)


def test_idle_siblings_on_two_nodes_cost_a_split() -> None:
    """Three and three vCPUs fill three cores of one node, or four of two with two siblings idle."""
    where = host("node:2 l3:1 core:3 pu:2", sharing="allow")
    vms = [prefer(3, numa="require"), prefer(3, numa="require"), prefer(6)]
    named = [replace(vm, name=f"vm{n}") for n, vm in enumerate(vms)]
    problem, _, orders = terms(where, *named)
    pieces = [piece for order in orders for piece in order.pieces]
    crowd = Crowd(problem, [3, 3], pieces)
    spots = {(p.vm, 0): Spot(-1, -1, p.lean[0]) for p in pieces}
    bound = [p for p in pieces if p.bound]
    prices = []
    for nodes in ((0, 0), (0, 1)):
        here = {(p.vm, 0): Spot(n, -1, p.lean[0]) for p, n in zip(bound, nodes, strict=True)}
        prices.append(crowd.shared({**spots, **here}))
    assert prices == [3, 4]


def test_vms_draw_together_into_one_cache() -> None:
    sizes = [(2, "prefer"), (3, "prefer"), (2, "prefer"), (3, "require"), (3, "prefer")]
    vms = [machine("", 2 * n, numa=numa) for n, numa in sizes]
    found = solve(host("node:2 l3:2 core:4 pu:2"), *vms)
    assert found.cost.left_out == 0
    assert (found.cost.nodes, found.cost.caches) == (5, 5)


def test_a_thousand_vms_are_not_too_deep() -> None:
    fleet = fleets.by_vms(1000)
    plan, _ = planned(fleet.host, *fleet.vms)
    assert len(plan.vms) == 1000
