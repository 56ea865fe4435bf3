"""The fleets that are measured: the same every time, as full as they say, and placed whole."""

from __future__ import annotations

import pytest
from benchmarks import fleets
from benchmarks.fleets import FAMILIES, SHAPES

from kvmc.planner.held import hold
from kvmc.planner.plan import plan_host
from tests.support.fleets import host_of

TIGHT = [kind for kind in FAMILIES if kind != "overfull"]


def _cores(fleet: fleets.Fleet) -> int:
    """Return the cores that VMs take at least, two vCPUs each but with `isolate`."""
    return sum(v.cpu.max if v.pin.threads == "isolate" else -(-v.cpu.max // 2) for v in fleet.vms)


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_seed_is_one_fleet_and_another_is_another(kind: str) -> None:
    make = FAMILIES[kind]
    assert make("2x14x2", 1.0, 5) == make("2x14x2", 1.0, 5)
    assert len({make("2x14x2", 1.0, seed).vms for seed in range(4)}) > 1


@pytest.mark.parametrize("kind", TIGHT)
def test_a_tight_fleet_is_placed_whole(kind: str) -> None:
    fleet = FAMILIES[kind]("2x14x2", 1.0, 3)
    plan = plan_host(fleet.vms, fleet.host).value
    assert plan is not None
    assert len(plan.vms) == len(fleet.vms)


@pytest.mark.parametrize("kind", TIGHT)
def test_less_load_is_no_larger_fleet(kind: str) -> None:
    full, light = (FAMILIES[kind]("2x14x2", load, 3) for load in (1.0, 0.8))
    assert light.vcpus <= full.vcpus


def test_overfull_asks_for_more_than_there_is() -> None:
    fleet = FAMILIES["overfull"]("2x14x2", 1.0, 3)
    assert _cores(fleet) > len(fleet.host.cores)


@pytest.mark.parametrize(
    ("shape", "cpus", "nodes"),
    [("desktop", 16, 1), ("2x14x2", 56, 2), ("epyc", 256, 8), ("8x56x2", 896, 8), ("snc", 896, 16)],
)
def test_the_hosts_are_those_of_the_issue(shape: str, cpus: int, nodes: int) -> None:
    assert shape in SHAPES.values()
    assert fleets.cpus(shape) == cpus
    assert len(host_of(shape).nodes) == nodes


def test_every_vm_is_one_that_nova_can_be_asked_for() -> None:
    """It knows of one node, or of cells, and of nothing between."""
    for kind, make in FAMILIES.items():
        for vm in make("epyc", 1.0, 1).vms:
            assert vm.numa.cells or vm.pin.numa == "require", kind


def test_sizes_reach_32_and_some_are_odd() -> None:
    drawn = {vm.cpu.max for seed in range(9) for vm in fleets.sizes("epyc", 1.0, seed).vms}
    assert {1, 32} <= drawn <= set(range(1, 33))


def test_small_hosts_are_spared_what_needs_nodes() -> None:
    assert "triplets" not in fleets.kinds("desktop")
    assert fleets.kinds("epyc") == list(FAMILIES)


def test_who_leaves_was_there_and_names_come_once() -> None:
    fleet = fleets.churn("2x14x2", 1, 20)
    here: set[str] = set()
    for verb, name in fleet.events:
        assert (name in here) == (verb == "remove")
        here ^= {name}
    assert {name for _, name in fleet.events} == {vm.name for vm in fleet.vms}


@pytest.mark.parametrize("count", [64, 896, 1792])
def test_a_host_grows_to_so_many_cpus(count: int) -> None:
    fleet = fleets.by_cpus(count)
    assert len(fleet.host.online) == count
    assert 0.7 * count <= fleet.vcpus <= 0.9 * count


@pytest.mark.parametrize("fits", [True, False])
def test_a_guest_of_cells_has_just_enough_nodes_or_one_less(fits: bool) -> None:
    fleet = fleets.guest_of_cells(4, 2, fits=fits)
    named = {vm.name: vm for vm in fleet.vms[:-1]}
    before = plan_host(tuple(named.values()), fleet.host).value
    assert before is not None
    held = [hold(named[one.name], one) for one in before.vms]
    plan = plan_host(fleet.vms, fleet.host, held).value
    assert plan is not None
    assert ("guest" in {vm.name for vm in plan.vms}) is fits
    assert all(unplaced.proven for unplaced in plan.unplaced)


def test_one_more_vm_is_one_too_many() -> None:
    full, extra = fleets.one_too_many("2x14x2", 1)
    plan = plan_host((*full.vms, extra), full.host).value
    assert plan is not None
    assert len(plan.unplaced) == 1
