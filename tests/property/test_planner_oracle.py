"""The judge and the brute force, held against each other before they judge the planner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.spec.model import Cell, Cpu, Numa, Pin, Topology, Vm
from tests.property.brute import best
from tests.property.fleets import case
from tests.property.hosts import GIB, synthetic
from tests.property.judge import cost, violations
from tests.property.plans import as_plan
from tests.property.report import told

if TYPE_CHECKING:
    from kvmc.planner.model import HostPlan

SEEDS = range(2000, 2060)
PLAIN = synthetic("node:2 l3:1 core:2 pu:2")
"""Cores (0,4) (1,5) on node 0 and (2,6) (3,7) on node 1."""


def _vm(name: str = "a", vcpus: int = 2, **pin: object) -> Vm:
    pins = Pin(**{"strategy": "dedicated", **pin})  # type: ignore[arg-type]
    return Vm(name=name, memory_kib=GIB, cpu=Cpu(count=vcpus, max=vcpus), pin=pins)


def _planned(*vms: Vm) -> HostPlan:
    return as_plan(best(vms, PLAIN), vms, PLAIN)


def _moved(plan: HostPlan, vcpu: int, cpus: str) -> HostPlan:
    """The plan with one pin of the first VM changed, and the emulator with it."""
    first, *rest = plan.vms
    pins = tuple(
        pin._replace(cpus=CpuSet.parse(cpus)) if pin.id == vcpu else pin for pin in first.vcpus
    )
    own = CpuSet(cpu for pin in pins if pin.cpus for cpu in pin.cpus)
    return replace(plan, vms=(replace(first, vcpus=pins, emulator=own), *rest))


@pytest.mark.parametrize("seed", SEEDS)
def test_brute_force_keeps_the_rules_and_its_word(seed: int) -> None:
    one = case(seed)
    found = best(one.vms, one.host)
    plan = as_plan(found, one.vms, one.host)
    assert violations(plan, one.vms, one.host) == [], told(one.host, one.vms)
    if found.seatings:
        assert cost(plan, one.vms, one.host) == found.cost


@pytest.mark.parametrize(
    ("vms", "expected"),
    [
        # Two threads of one core: nothing shared, one node, one cache.
        ([_vm()], (0, 0, 0, 0, 1, 0, 1, 0, 2)),
        # Three vCPUs are no whole guest cores: one core each, hence both nodes.
        ([_vm(vcpus=3)], (0, 0, 0, 0, 2, 0, 2, 21, 4)),
        # Five on four cores: one sibling shared.
        ([_vm(vcpus=5)], (0, 0, 1, 0, 2, 0, 2, 21, 4)),
        # Four in two guest cores on one node; a second VM takes the other one.
        ([_vm(vcpus=4), _vm("b", 4)], (0, 0, 0, 0, 2, 0, 2, 0, 4)),
        # Isolate takes a core for each vCPU; the other VM has no place.
        ([_vm(vcpus=4, threads="isolate"), _vm("b")], (2, 0, 0, 0, 2, 0, 2, 21, 4)),
        # The emulator's own core.
        ([_vm(vcpus=2, threads="require", emulator="isolate")], (0, 0, 0, 0, 1, 0, 1, 0, 2)),
    ],
)
def test_brute_force_finds_what_a_person_counts(vms: list[Vm], expected: tuple[int, ...]) -> None:
    assert best(vms, PLAIN).cost == expected


@pytest.mark.parametrize(
    ("vms", "vcpu", "cpus", "words"),
    [
        ((_vm(threads="require"),), 1, "5", "is on 2 cores"),
        ((_vm(threads="isolate"),), 1, "4", "2 vCPUs"),
        ((_vm(), _vm("b")), 1, "5", "sharing is never allowed"),
        ((_vm(numa="require"),), 1, "2", "numa: require"),
        ((_vm(l3="require"),), 1, "2", "l3: require"),
        ((_vm(cpus=CpuSet.parse("0,4")),), 1, "5", "no candidate"),
        ((_vm(),), 1, "0", "dedicated 2 times"),
        ((_vm(),), 1, "0,4", "is pinned to"),
        ((_vm(),), 1, "9", "not online"),
    ],
)
def test_the_judge_sees_a_vcpu_in_the_wrong_place(
    vms: tuple[Vm, ...], vcpu: int, cpus: str, words: str
) -> None:
    assert violations(_planned(*vms), vms, PLAIN) == []
    assert words in "; ".join(violations(_moved(_planned(*vms), vcpu, cpus), vms, PLAIN))


def test_the_judge_sees_cells_on_the_wrong_nodes() -> None:
    cells = tuple(
        Cell(id=n, cpus=CpuSet(run), memory_kib=GIB) for n, run in enumerate(([0, 1], [2, 3]))
    )
    vm = replace(_vm(vcpus=4), numa=Numa(cells=cells), memory_kib=2 * GIB)
    plan = _planned(vm)
    assert violations(plan, [vm], PLAIN) == []
    assert plan.vms[0].topology == Topology(sockets=2, cores=1, threads=2)
    wrong = tuple(replace(cell, host_node=0) for cell in plan.vms[0].cells)
    bad = replace(plan, vms=(replace(plan.vms[0], cells=wrong),))
    assert "strict cells" in "; ".join(violations(bad, [vm], PLAIN))


def test_the_judge_counts_memory() -> None:
    small = synthetic("node:2 l3:1 core:2 pu:2", memory_gib=4)
    vm = replace(_vm(vcpus=2, numa="require"), memory_kib=5 * GIB)
    assert best([vm], small).left_out == ("a",)
    free = replace(vm, pin=replace(vm.pin, numa="prefer"))
    assert best([free], small).cost == (0, 0, 0, 0, 1, 1, 1, 0, 2)


def test_the_judge_misses_nobody() -> None:
    vms = (_vm(), _vm("b"))
    plan = _planned(*vms)
    assert violations(replace(plan, vms=plan.vms[:1]), vms, PLAIN) != []
    assert violations(replace(plan, vms=plan.vms[::-1]), vms, PLAIN) != []
