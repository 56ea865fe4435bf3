"""Placed or refused, and proven: guests of many cells, and fleets that count alone decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmc.planner.demand import demands_of
from kvmc.planner.search.search import search
from kvmc.planner.search.setup import problem_of
from tests.support.fleets import LAYOUTS, celled, fleet, host_of, machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Host
    from kvmc.planner.problem import Solution
    from kvmc.spec.model import Vm


def solve(vms: Sequence[Vm], host: Host, budget: int | None = None) -> Solution:
    return search(problem_of(host, demands_of(vms, host), (), (), budget))


@pytest.mark.parametrize("name", ["8x56x2", "snc"])
@pytest.mark.parametrize("cells", [2, 7, 8, 9, 16, 17])
def test_a_guest_of_many_cells_is_placed_or_refused_with_proof(name: str, cells: int) -> None:
    host = host_of(name)
    nodes = len(host.nodes)
    vms = [celled("guest", [8] * cells)]
    found = solve(vms, host)
    assert found.complete
    assert found.cost.left_out == (0 if cells <= nodes else 8 * cells)


def test_cells_find_the_few_nodes_that_hold_them() -> None:
    """Seven cells of rising size on 16 nodes, seven of which have just the room."""
    host = host_of("snc")
    width = LAYOUTS["snc"].width
    fill = [machine(f"fill{n}", 2 * (width - n), numa="require") for n in range(1, 8)]
    full = [machine(f"full{n}", 2 * width, numa="require") for n in range(9)]
    guest = celled("guest", [2 * n for n in range(1, 8)])
    assert solve([*fill, *full, guest], host).cost.left_out == 0
    wider = celled("guest", [2 * n for n in range(2, 9)])
    refused = solve([*fill, *full, wider], host)
    assert refused.cost.left_out > 0
    assert refused.complete


def test_the_fewest_vcpus_are_left_out() -> None:
    host = host_of("2x14x2")
    sizes = (16, 16, 12, 12, 10, 4)  # 70 vCPUs on two nodes of 28
    vms = [machine(f"vm{n}", size, numa="require") for n, size in enumerate(sizes)]
    found = solve(vms, host)
    assert found.cost.left_out == 14
    assert found.complete


def test_no_effort_no_claim() -> None:
    """Where nothing may be tried nothing is found, and nothing is claimed."""
    found = solve([machine(f"vm{n}", 4, numa="require") for n in range(6)], host_of("2x14x2"), 0)
    assert found.cost.left_out == 24
    assert not found.complete


def test_the_last_by_name_of_like_vms_is_left_out() -> None:
    host = host_of("desktop")
    vms = [machine(name, 4) for name in "abcde"]
    found = solve(vms, host)
    names = [problem.vm.name for problem in sorted(demands_of(vms, host), key=lambda d: d.vm.name)]
    assert names == list("abcde")
    assert found.cost.left_out == 4
    assert found.placements[-1] is None


@pytest.mark.parametrize("kind", ["require", "prefer", "mixed", "cells", "memory"])
def test_a_fleet_that_fills_900_cpus_is_placed_whole(kind: str) -> None:
    found = solve(fleet(kind, "8x56x2", 1.0, 1), host_of("8x56x2"))
    assert found.cost.left_out == 0
