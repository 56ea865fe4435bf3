"""VMs that would not fit if no other were there are told apart by counting, and proven each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kvmc.planner.demand import demands_of
from kvmc.planner.plan import plan_host
from kvmc.planner.search.alone import beyond_all
from kvmc.planner.search.setup import problem_of
from kvmc.spec.model import MemoryBacking
from tests.property.hosts import GIB, synthetic
from tests.unit.planner.fleet import cpus, machine, numa

if TYPE_CHECKING:
    from kvmc.host.model import Host
    from kvmc.spec.model import Vm

HOST = synthetic("node:4 l3:1 core:4 pu:2", memory_gib=8, pages=2, shared=cpus("0,16"))
"""Node 0 holds the shared set, which carries eight vCPUs; each node has 6 GiB beside its pages."""
PAGES = MemoryBacking(hugepages_kib=GIB)


def _beyond(host: Host, *vms: Vm) -> list[str]:
    problem = problem_of(host, demands_of(vms, host), (), ())
    return [problem.demands[number].vm.name for number in beyond_all(problem)]


@pytest.mark.parametrize(
    ("count", "given", "beyond"),
    [
        (30, {}, False),
        (31, {}, True),
        (9, {"strategy": "shared"}, True),
        (8, {"strategy": "shared"}, False),
        (8, {"numa": "require"}, False),
        (9, {"numa": "require"}, True),
        (2, {"numa": "require", "memory_kib": 7 * GIB}, True),
        (2, {"numa": "require", "memory_kib": 3 * GIB, "memory_backing": PAGES}, True),
        (2, {"memory_kib": 8 * GIB, "memory_backing": PAGES}, False),
        (2, {"memory_kib": 9 * GIB, "memory_backing": PAGES}, True),
        (4, numa("0", "1", "2", "3"), False),
        (5, numa("0", "1", "2", "3", "4"), True),
        (4, {"strategy": "shared", **numa("0-1", "2-3")}, True),
        (4, {"strategy": "mixed", "vcpus": cpus("0-1"), **numa("0-1", "2-3")}, False),
    ],
)
def test_what_no_host_could_hold_is_counted(
    count: int, given: dict[str, Any], beyond: bool
) -> None:
    assert _beyond(HOST, machine("a", count, **given)) == (["a"] if beyond else [])


def test_unknown_memory_is_enough() -> None:
    host = synthetic("node:2 l3:1 core:4 pu:2", memory_gib=None)
    assert _beyond(host, machine("a", 2, numa="require", memory_kib=999 * GIB)) == []


def test_one_vm_that_fits_nowhere_takes_nothing_from_what_is_proven_of_the_others() -> None:
    vms = [machine(f"v{n}", 8, numa="require") for n in range(3)]
    odd = machine("odd", 2, memory_kib=9 * GIB, memory_backing=PAGES)
    plan = plan_host([*vms, odd], HOST).value
    assert plan is not None
    assert [vm.name for vm in plan.vms] == ["v0", "v1", "v2"]
    assert [(one.name, one.proven) for one in plan.unplaced] == [("odd", True)]
