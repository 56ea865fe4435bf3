"""The checker of finished plans, rule by rule: a sound plan, one thing changed, one breach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from kvmc.cpuset import EMPTY
from kvmc.planner.holders import holder_of
from kvmc.planner.model import IothreadPin
from kvmc.planner.verify import RULES, breaches
from kvmc.spec.model import MemoryBacking, Pin
from tests.property.hosts import GIB, synthetic
from tests.unit.planner.fleet import by_hand, cpus, machine, numa, planned, shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.host.model import Host
    from kvmc.planner.model import VmPlan
    from kvmc.spec.model import Vm

TWO = "node:2 l3:2 core:2 pu:2"
"""Node 0: cores 0+8 to 3+11, two a level 3 cache; node 1: cores 4+12 to 7+15."""
PLAIN = synthetic(TWO)
SHARED = synthetic(TWO, shared=cpus("0,4,8,12"))
ALLOW = synthetic(TWO, core_sharing="allow")


def _sound(host: Host, *vms: Vm) -> list[tuple[Vm, VmPlan]]:
    """Plan a fleet; its plan is whole and sound."""
    plan = planned(host, *vms)[0]
    named = {one.name: one for one in plan.vms}
    pairs = [(vm, named[vm.name]) for vm in vms]
    assert breaches(host, pairs) == ()
    return pairs


def _pins(**where: str | None) -> Callable[[VmPlan], VmPlan]:
    """Change pins: v0="3" puts vCPU 0 on CPU 3."""
    given = {int(name[1:]): None if text is None else cpus(text) for name, text in where.items()}

    def change(plan: VmPlan) -> VmPlan:
        pins = [p._replace(cpus=given[p.id]) if p.id in given else p for p in plan.vcpus]
        return replace(plan, vcpus=tuple(pins))

    return change


def _emulator(text: str) -> Callable[[VmPlan], VmPlan]:
    return lambda plan: replace(plan, emulator=cpus(text) if text else EMPTY)


def _cell(number: int, node: int | None) -> Callable[[VmPlan], VmPlan]:
    """Bind a cell to another node, its vCPUs left where they are."""

    def change(plan: VmPlan) -> VmPlan:
        cells = [replace(c, host_node=node) if c.id == number else c for c in plan.cells]
        return replace(plan, cells=tuple(cells))

    return change


def _one_floats(plan: VmPlan) -> VmPlan:
    first, *rest = plan.vcpus
    return replace(plan, vcpus=(first._replace(dedicated=False), *rest))


def _last_gone(plan: VmPlan) -> VmPlan:
    return replace(plan, vcpus=plan.vcpus[:-1])


def _all_on_node_0(plan: VmPlan) -> VmPlan:
    moved = _cell(0, 0)(plan)
    return _pins(**{f"v{p.id}": "0,8" for p in plan.vcpus})(moved)


class Broken(Struct, frozen=True, kw_only=True):
    """A fleet that can be planned, and a change to the last VM's plan that breaks one rule."""

    rule: str
    host: Host = PLAIN
    vms: tuple[Vm, ...]
    change: Callable[[VmPlan], VmPlan]
    says: str


def _whole(name: str, count: int = 2, **given: Any) -> Vm:
    return machine(name, count, threads="require", numa="require", **given)


BIG: dict[str, Any] = {"memory_kib": 40 * GIB}
PAGES: dict[str, Any] = {"memory_kib": 3 * GIB, "memory_backing": MemoryBacking(hugepages_kib=GIB)}
KINDS = replace(
    PLAIN,
    cores=tuple(
        replace(core, kind="performance" if n < 2 else "efficiency")
        for n, core in enumerate(PLAIN.cores)
    ),
)
WIDE = synthetic("node:1 l3:1 core:3 pu:4")

ISOLATED_IO = replace(
    machine("a", 2, iothreads=1), pin=Pin(strategy="dedicated", iothreads="isolate")
)

CASES = [
    Broken(
        rule="every_vcpu_is_pinned",
        vms=(machine("a", 2),),
        change=_last_gone,
        says="pins do not cover vCPUs 0 to 1",
    ),
    Broken(
        rule="every_vcpu_is_pinned",
        vms=(machine("a", 2),),
        change=_pins(v1=None),
        says="vCPU 1 has the pin None",
    ),
    Broken(
        rule="every_vcpu_is_pinned",
        vms=(machine("a", 2),),
        change=_pins(v1="3,11"),
        says="vCPU 1 has the pin CpuSet('3,11')",
    ),
    Broken(
        rule="every_vcpu_is_pinned",
        host=SHARED,
        vms=(machine("a", 2, strategy="shared"),),
        change=_pins(v0=""),
        says="vCPU 0 has the pin CpuSet('')",
    ),
    Broken(
        rule="every_vcpu_is_pinned",
        vms=(machine("a", 2),),
        change=_pins(v1="99"),
        says="CPUs 99, which are not online",
    ),
    Broken(
        rule="every_dedicated_vcpu_is_dedicated",
        vms=(machine("a", 2),),
        change=_one_floats,
        says="the dedicated vCPUs are not 0-1",
    ),
    Broken(
        rule="every_dedicated_vcpu_is_dedicated",
        vms=(machine("a", 2, emulator="isolate"),),
        change=_emulator(""),
        says="the isolated emulator has no CPU of its own",
    ),
    Broken(
        rule="every_dedicated_vcpu_is_dedicated",
        vms=(machine("a", 2, emulator="isolate"),),
        change=lambda plan: replace(plan, emulator=None),
        says="the isolated emulator has no CPU of its own",
    ),
    Broken(
        rule="no_cpu_is_dedicated_twice",
        vms=(machine("a", 2), machine("b", 2)),
        change=_pins(v0="0"),
        says="CPU 0 is dedicated to a vCPU 0 and to b vCPU 0",
    ),
    Broken(
        rule="no_cpu_is_dedicated_twice",
        vms=(machine("a", 2),),
        change=_pins(v1="0"),
        says="CPU 0 is dedicated to a vCPU 0 and to a vCPU 1",
    ),
    Broken(
        rule="no_cpu_is_dedicated_twice",
        vms=(machine("a", 2, emulator="isolate"),),
        change=_emulator("0"),
        says="CPU 0 is dedicated to a vCPU 0 and to a emulator",
    ),
    Broken(
        rule="no_cpu_is_dedicated_twice",
        vms=(ISOLATED_IO,),
        change=lambda plan: replace(plan, iothreads=(IothreadPin(id=1, cpus=cpus("0")),)),
        says="CPU 0 is dedicated to a vCPU 0 and to a iothread 1",
    ),
    Broken(
        rule="only_usable_cpus_are_dedicated",
        host=synthetic(TWO, reserved=cpus("0,8")),
        vms=(machine("a", 2),),
        change=_pins(v1="8"),
        says="a vCPU 1 has CPU 8",
    ),
    Broken(
        rule="only_usable_cpus_are_dedicated",
        host=synthetic(TWO, pools=(("dpdk", cpus("0,8")),)),
        vms=(by_hand("a", "1", "9"),),
        change=_pins(v0="0"),
        says="a vCPU 0 has CPU 0",
    ),
    Broken(
        rule="only_usable_cpus_are_dedicated",
        host=synthetic(TWO, dedicated=cpus("1-7,9-15")),
        vms=(machine("a", 2),),
        change=_pins(v0="8"),
        says="a vCPU 0 has CPU 8",
    ),
    Broken(
        rule="only_usable_cpus_are_dedicated",
        vms=(machine("a", 2, cpus=cpus("1,9")),),
        change=_pins(v0="2", v1="10"),
        says="a vCPU 0 has CPU 2",
    ),
    Broken(
        rule="only_usable_cpus_are_dedicated",
        host=KINDS,
        vms=(machine("a", 2, kind="performance"),),
        change=_pins(v0="2", v1="10"),
        says="a vCPU 0 has CPU 2",
    ),
    Broken(
        rule="no_hyperthread_conflict",
        vms=(machine("a", 1), machine("b", 1)),
        change=_pins(v0="8"),
        says="a and b share the core of CPU 0",
    ),
    Broken(
        rule="no_hyperthread_conflict",
        host=ALLOW,
        vms=(_whole("a"), machine("b", 1, threads="isolate")),
        change=_pins(v0="8"),
        says="a and b share the core of CPU 0",
    ),
    Broken(
        rule="no_hyperthread_conflict",
        host=ALLOW,
        vms=(machine("a", 1), machine("b", 1, emulator="isolate")),
        change=_emulator("10"),
        says="a and b share the core of CPU 2",
    ),
    Broken(
        rule="no_hyperthread_conflict",
        host=synthetic(TWO, shared=cpus("0")),
        vms=(machine("a", 1),),
        change=_pins(v0="8"),
        says="a share the core of CPU 0 with the shared set",
    ),
    Broken(
        rule="claimed_cores_are_left_alone",
        vms=(machine("a", 2, emulator=cpus("3")), machine("b", 1)),
        change=_pins(v0="11"),
        says="b is on the core of CPU 3, claimed by a",
    ),
    Broken(
        rule="claimed_cores_are_left_alone",
        vms=(by_hand("a", "2-3"), machine("b", 1)),
        change=_pins(v0="11"),
        says="b is on the core of CPU 3, claimed by a",
    ),
    Broken(
        rule="thread_policy_holds",
        vms=(_whole("a", 4),),
        change=_pins(v1="1", v2="8"),
        says="the core of CPU 0 holds vCPUs [0, 2], no guest core",
    ),
    Broken(
        rule="thread_policy_holds",
        vms=(machine("a", 2, threads="isolate"),),
        change=_pins(v0="0", v1="8"),
        says="vCPUs [0, 1] share the core of CPU 0 under isolate",
    ),
    Broken(
        rule="thread_policy_holds",
        host=synthetic(TWO, reserved=cpus("0")),
        vms=(machine("a", 1, threads="isolate"),),
        change=_pins(v0="8"),
        says="the siblings on the core of CPU 0 are not empty under isolate",
    ),
    Broken(
        rule="thread_policy_holds",
        host=WIDE,
        vms=(_whole("a", 2, topology=shape(threads=2), emulator="isolate"),),
        change=_emulator("6"),
        says="vCPUs [0, 1] are with isolated threads on the core of CPU 0",
    ),
    Broken(
        rule="thread_policy_holds",
        vms=(_whole("a"),),
        change=lambda plan: _pins(v1="1")(replace(plan, topology=shape(cores=2))),
        says="the core of CPU 0 holds vCPUs [0], no guest core",
    ),
    Broken(
        rule="cells_lie_on_nodes",
        vms=(machine("a", 4, **numa("0-1", "2-3")),),
        change=_cell(1, 0),
        says="the cells are on nodes [0, 0]",
    ),
    Broken(
        rule="cells_lie_on_nodes",
        vms=(machine("a", 2, **numa("0-1")),),
        change=_cell(0, None),
        says="the cells are on nodes [None]",
    ),
    Broken(
        rule="cells_lie_on_nodes",
        vms=(machine("a", 4, **numa("0-3")),),
        change=_pins(v3="15"),
        says="vCPU 3 is not on node 0 of its cell",
    ),
    Broken(
        rule="the_vm_lies_on_a_node",
        vms=(_whole("a", 4),),
        change=_pins(v2="4", v3="12"),
        says="numa: require, but it is on nodes ['0', '1']",
    ),
    Broken(
        rule="caches_hold_cells",
        vms=(_whole("a", 4, l3="require"),),
        change=_pins(v2="2", v3="10"),
        says="l3: require, but a cell is spread over caches",
    ),
    Broken(
        rule="memory_fits",
        vms=tuple(machine(name, 2, **numa("0-1", **BIG)) for name in "ab"),
        change=_cell(0, 0),
        says=f"node 0 has {64 * GIB} KiB for {80 * GIB} KiB",
    ),
    Broken(
        rule="memory_fits",
        vms=(_whole("a", **BIG), _whole("b", **BIG)),
        change=lambda plan: replace(plan, memory_nodes=cpus("0")),
        says=f"node 0 has {64 * GIB} KiB for {80 * GIB} KiB",
    ),
    Broken(
        rule="memory_fits",
        host=synthetic(TWO, pages=4),
        vms=(_whole("a", **PAGES), _whole("b", **PAGES)),
        change=lambda plan: replace(plan, memory_nodes=cpus("0")),
        says=f"node 0 has {4 * GIB} KiB of {GIB} KiB pages for {6 * GIB} KiB",
    ),
    Broken(
        rule="overcommit_holds",
        host=SHARED,
        vms=(machine("a", 2, strategy="shared"),),
        change=_pins(v1="1"),
        says="vCPU 1 floats outside of the shared set",
    ),
    Broken(
        rule="overcommit_holds",
        host=SHARED,
        vms=tuple(machine(name, 6, strategy="shared", **numa("0-5")) for name in "ab"),
        change=_all_on_node_0,
        says="12 shared vCPUs on 2 shared CPUs (0,8)",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.says}")
def test_each_rule_finds_its_breach(case: Broken) -> None:
    *others, (vm, plan) = _sound(case.host, *case.vms)
    pairs = [*others, (vm, case.change(plan))]
    holders = [holder_of(case.host, *pair) for pair in pairs]
    (rule,) = [one for one in RULES if one.__name__ == case.rule]
    found = list(rule(case.host, holders))
    assert any(case.says in text for text in found), found
    assert set(found) <= set(breaches(case.host, pairs))


FREE = {"threads": "require", "l3": "require"}
"""Asked for, and not held against pins that a person wrote."""
SOUND = {
    "nothing pinned beside somebody": (
        PLAIN,
        machine("a", 2, strategy="none"),
        machine("b", 16),
    ),
    "by hand across nodes and caches": (
        PLAIN,
        by_hand("a", "0", "8", "4", "12", cpus=cpus("7"), kind="performance", **FREE),
        by_hand("b", "1", "5", threads="isolate", numa="require"),
        by_hand("c", "6-7", "6-7", numa="require"),
    ),
    "by hand, two cells on a node": (PLAIN, by_hand("a", "0", "8", "1", "9", **numa("0-1", "2-3"))),
    "by hand, floating where it claims": (PLAIN, by_hand("a", "0", "1-2", emulator=cpus("1-2"))),
    "cells that need not be apart": (
        PLAIN,
        machine("a", 8, cpus=cpus("0-3,8-11"), **numa("0-3", "4-7", mode="preferred")),
        machine("b", 8, **numa("0-6", "7", mode="preferred")),
    ),
    "mixed, bound to its node": (
        SHARED,
        machine("a", 4, strategy="mixed", vcpus=cpus("2-3"), **numa("0-1", "2-3")),
        machine("b", 4, strategy="mixed", vcpus=cpus("0"), numa="require", l3="require"),
        machine("c", 3, strategy="shared", numa="prefer"),
    ),
    "whole guest cores beside a reserved thread": (
        synthetic("node:1 l3:1 core:2 pu:4", reserved=cpus("0")),
        machine("a", 4, threads="require", topology=shape(cores=2, threads=2)),
    ),
    "a VM over two nodes and four caches": (
        PLAIN,
        machine("a", 12),
        machine("b", 2, numa="require"),
    ),
    "beside a pin by hand, where both prefer": (ALLOW, by_hand("a", "0"), machine("b", 15)),
    "on the core that its own emulator floats on": (PLAIN, machine("a", 16, emulator=cpus("0"))),
    "an emulator beside its own VM's vCPU": (PLAIN, machine("a", 15, emulator="isolate")),
    "by hand beside a reserved thread": (
        synthetic(TWO, reserved=cpus("0")),
        by_hand("a", "8", threads="isolate"),
    ),
    "cells, and a wish that is for VMs without": (
        PLAIN,
        replace(
            machine("a", 8, **numa("0-3", "4-7")),
            pin=Pin(strategy="dedicated", numa="require"),
        ),
    ),
    "memory elsewhere, which nobody forbids": (
        PLAIN,
        *[machine(name, 2, cpus=cpus("0-3,8-11"), memory_kib=60 * GIB) for name in "ab"],
    ),
    "an I/O thread with its vCPUs": (PLAIN, machine("a", 2, iothreads=1)),
    "any kind of core": (KINDS, machine("a", 16)),
    "cores without a node": (
        replace(PLAIN, nodes=(), cores=tuple(replace(core, node=None) for core in PLAIN.cores)),
        machine("a", 4),
    ),
    "memory that nobody knows": (synthetic(TWO, memory_gib=None), _whole("a", memory_kib=90 * GIB)),
}


@pytest.mark.parametrize("fleet", SOUND.values(), ids=SOUND)
def test_a_sound_plan_has_no_breach(fleet: tuple[Any, ...]) -> None:
    host, *vms = fleet
    assert _sound(host, *vms)


def test_a_cache_that_nobody_knows_holds_no_cell() -> None:
    pairs = _sound(PLAIN, machine("a", 2, l3="require"))
    blind = replace(PLAIN, cores=tuple(replace(core, l3=None) for core in PLAIN.cores))
    assert breaches(blind, pairs) == ("a: l3: require, but a cell is spread over caches",)


def test_every_rule_has_a_case() -> None:
    assert {rule.__name__ for rule in RULES} == {case.rule for case in CASES}


def test_a_lower_overcommit_breaks_a_plan() -> None:
    pairs = _sound(SHARED, machine("a", 12, strategy="shared"))
    mean = replace(SHARED, policy=replace(SHARED.policy, overcommit=2.0))
    assert breaches(mean, pairs) == ("12 shared vCPUs on 4 shared CPUs (0,4,8,12)",)


def test_two_that_prefer_may_share_a_core_where_policy_allows_it() -> None:
    (first, second) = _sound(ALLOW, machine("a", 1), machine("b", 1))
    assert breaches(ALLOW, [first, (second[0], _pins(v0="8")(second[1]))]) == ()


def test_a_floating_list_on_the_shared_set_claims_nothing() -> None:
    pairs = _sound(SHARED, machine("a", 2, emulator=cpus("0,8")), machine("b", 2))
    assert breaches(SHARED, pairs) == ()


def test_a_cpu_that_went_offline_is_a_breach_and_no_exception() -> None:
    for threads in ("prefer", "require", "isolate"):
        pairs = _sound(PLAIN, machine("a", 2, threads=threads, l3="require"))
        less = replace(PLAIN, cores=PLAIN.cores[1:], offline=cpus("0,8"))
        assert any("not online" in text for text in breaches(less, pairs))
