"""Who would have to move to make room: in small fleets, and how long the answer takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmc.planner.held import hold
from kvmc.planner.plan import plan_host
from tests.property.hosts import synthetic
from tests.support.fleets import celled, fleet, host_of, machine

if TYPE_CHECKING:
    from kvmc.host.model import Host
    from kvmc.spec.model import Vm

TWO = "node:2 l3:1 core:4 pu:2"


def _hint(host: Host, vms: list[Vm], gone: str, new: Vm) -> str:
    """Plan VMs, let some leave, lock the rest, and return the hint for a new one."""
    plan = plan_host(vms, host).value
    assert plan is not None
    assert not plan.unplaced
    placed = {found.name: found for found in plan.vms}
    stay = [vm for vm in vms if vm.name not in gone.split()]
    held = [hold(vm, placed[vm.name]) for vm in stay]
    (found,) = [d for d in plan_host([*stay, new], host, held).diagnostics if d.is_error]
    return found.hint or ""


def _bound(name: str, cores: int) -> Vm:
    return machine(name, 2 * cores, numa="require")


FOUR = [_bound(name, 2) for name in "abcd"]
"""Two on each node of TWO."""


def test_one_that_is_enough_is_named() -> None:
    assert _hint(synthetic(TWO), FOUR, "b c", _bound("x", 3)).startswith(
        "it would fit with a moved"
    )


def test_two_are_named_where_one_is_not_enough() -> None:
    host = synthetic("node:3 l3:1 core:4 pu:2")
    vms = [_bound(name, 1) for name in "abcdefghijkl"]
    hint = _hint(host, vms, "c d g h", _bound("x", 4))
    assert hint.startswith("it would fit with a and b moved")


def test_who_may_not_be_elsewhere_is_not_asked_to_move() -> None:
    host = synthetic(TWO)
    vms = [FOUR[0], machine("b", 4, numa="require", cpus=host.node_cpus[0]), *FOUR[2:]]
    assert _hint(host, vms, "a d", _bound("x", 4)).startswith("it would fit with c moved")


def test_cells_that_need_two_nodes_make_one_vm_move() -> None:
    host = synthetic("node:3 l3:1 core:4 pu:2")
    assert "moved" not in _hint(synthetic(TWO), FOUR, "b c d", celled("x", [6, 6]))
    assert _hint(host, FOUR, "b c", celled("x", [8, 8])).startswith("it would fit with a moved")


def test_nobody_moves_where_the_host_has_not_the_cores() -> None:
    assert "moved" not in _hint(synthetic(TWO), FOUR, "b c", _bound("x", 5))


def test_nobody_moves_where_no_order_of_the_vms_makes_room() -> None:
    host = synthetic("node:3 l3:1 core:4 pu:2")
    vms = [_bound(*one) for one in (("a", 3), ("b", 3), ("c", 2), ("d", 1), ("e", 1), ("f", 2))]
    assert "moved" not in _hint(host, vms, "d e f", _bound("x", 3))


@pytest.mark.parametrize("shape", ["epyc", "8x56x2", "snc"])
@pytest.mark.parametrize("kind", ["require", "mixed", "cells", "memory"])
def test_a_vm_beside_held_ones_on_a_host_with_gaps(kind: str, shape: str) -> None:
    """It has a place, or it is told who would have to move; the chains that lead nowhere end."""
    host = host_of(shape, core_sharing="allow")
    vms = fleet(kind, shape, 1.0, 1)
    plan = plan_host(vms, host).value
    assert plan is not None
    placed = {found.name: found for found in plan.vms}
    stay = [vm for n, vm in enumerate(vms) if vm.name in placed and n % 9]
    held = [hold(vm, placed[vm.name]) for vm in stay]
    outcome = plan_host([*stay, _bound("x", len(host.cores) // len(host.nodes))], host, held)
    assert outcome.value is not None
    kept = {one.name: one.vcpus for one in outcome.value.vms if one.name != "x"}
    assert kept == {vm.name: placed[vm.name].vcpus for vm in stay}
    assert [u.name for u in outcome.value.unplaced] == ["x"] or len(outcome.value.vms) > len(stay)
