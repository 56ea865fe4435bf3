"""What each CPU is used for, use by use."""

from __future__ import annotations

import pytest

from kvmc.cpuset import CpuSet
from kvmc.report.marks import Mark, Use, letters_of, marks_of
from tests.property.hosts import synthetic
from tests.unit.report.plans import floating, plan, vm

HOST = "node:1 l3:1 core:6 pu:2"
"""Cores (0,6) (1,7) (2,8) (3,9) (4,10) (5,11)."""


def _uses(host: object, *vms: object) -> dict[int, Use]:
    marks = marks_of(host, plan(host, *vms))  # type: ignore[arg-type]
    return {cpu: mark.use for cpu, mark in marks.items()}


def test_policy_alone() -> None:
    pools = (("dpdk", CpuSet([2])),)
    host = synthetic(
        HOST,
        reserved=CpuSet([0, 6]),
        shared=CpuSet([1]),
        pools=pools,
        dedicated=CpuSet([3, 9, 4, 7, 8]),
    )
    marks = marks_of(host, None)
    assert marks[0].use is Use.RESERVED
    assert marks[1].use is Use.SHARED
    assert marks[7].use is Use.STRANDED, "its sibling is in the shared set"
    assert marks[2] == Mark(use=Use.POOL, owner="dpdk")
    assert marks[8].use is Use.FREE, "a pool does not take the rest of a core"
    assert marks[5].use is Use.EXCLUDED
    assert marks[3].use is Use.FREE


def test_the_sibling_of_a_dedicated_cpu_is_stranded() -> None:
    uses = _uses(synthetic(HOST), vm("a", "0,6"), vm("b", "1"))
    assert (uses[0], uses[6]) == (Use.VM, Use.VM)
    assert (uses[1], uses[7]) == (Use.VM, Use.STRANDED)


@pytest.mark.parametrize(
    ("sharing", "threads", "use"),
    [
        ("allow", "prefer", Use.FREE),
        ("allow", "isolate", Use.STRANDED),
        ("never", "prefer", Use.STRANDED),
    ],
)
def test_core_sharing_leaves_the_siblings_of_prefer_free(
    sharing: str, threads: str, use: Use
) -> None:
    host = synthetic(HOST, core_sharing=sharing)
    assert _uses(host, vm("a", "1", threads=threads))[7] is use


def test_an_isolated_emulator_has_its_cpu_for_itself() -> None:
    host = synthetic(HOST)
    marks = marks_of(host, plan(host, vm("a", "0,6", emulator=CpuSet([1]))))
    assert marks[1] == Mark(use=Use.VM, owner="a")


def test_an_emulator_on_one_shared_or_reserved_cpu_does_not_own_it() -> None:
    host = synthetic(HOST, shared=CpuSet([1]), reserved=CpuSet([2]))
    assert _uses(host, vm("a", "0,6", emulator=CpuSet([1])))[1] is Use.SHARED
    assert _uses(host, vm("a", "0,6", emulator=CpuSet([2])))[2] is Use.RESERVED


def test_pins_that_float_outside_of_the_shared_set_are_not_free() -> None:
    uses = _uses(synthetic(HOST), floating("m", "2-3", 2, strategy="manual"))
    assert {cpu for cpu, use in uses.items() if use is Use.FLOATING} == {2, 3}
    assert {cpu for cpu, use in uses.items() if use is Use.STRANDED} == {8, 9}


def test_letters_go_on_after_z() -> None:
    letters = letters_of(plan(synthetic(HOST), *(vm(f"v{n:02}", "") for n in range(28))))
    assert [letters["v00"], letters["v25"], letters["v26"], letters["v27"]] == [
        "A",
        "Z",
        "AA",
        "AB",
    ]
    assert letters_of(None) == {}
