"""What the search may claim: a VM that fits nowhere does not make the rest a guess."""

from __future__ import annotations

import pytest

from tests.property.hosts import synthetic
from tests.unit.planner.fleet import machine, planned

HOST = synthetic("node:2 l3:1 core:14 pu:2")


@pytest.mark.parametrize("count", [57, 400])
def test_what_fits_nowhere_is_proven_beside_vms_with_isolated_threads(count: int) -> None:
    others = [machine(name, 5, emulator="isolate") for name in "abcdef"]
    plan, _ = planned(HOST, *others, machine("big", count))
    assert [(u.name, u.proven) for u in plan.unplaced] == [("big", True)]
    assert [vm.name for vm in plan.vms] == list("abcdef")


def test_two_that_fit_nowhere_leave_the_others_their_places() -> None:
    others = [machine(name, 13, threads="isolate") for name in "ab"]
    plan, _ = planned(HOST, *others, machine("big", 60), machine("odd", 29, threads="isolate"))
    assert [(u.name, u.proven) for u in plan.unplaced] == [("big", True), ("odd", True)]
    assert [vm.name for vm in plan.vms] == ["a", "b"]
