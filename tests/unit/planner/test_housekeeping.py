"""What is left for the host: CPUs that are no guest's, no pool's and not isolated."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.planner.housekeeping import nothing_left
from tests.property.hosts import synthetic
from tests.unit.report.plans import floating, iothread, plan, vm
from tests.unit.spec.documents import vm as spec

POOL = (("dpdk", CpuSet([3])),)


def _said(
    *placed: object, pin: str = "", isolated: str = "", pooled: bool = False, **changes: object
) -> list[str]:
    """Return the messages for a host of 4 CPUs without siblings."""
    host = synthetic("core:4", pools=POOL if pooled else ())
    host = replace(host, isolated=CpuSet.parse(isolated))
    vms = dict.fromkeys(("a", "b"), spec(f"cpu: {{count: 2}}\niothreads: 1\npin: {{{pin}}}\n"))
    found = nothing_left(plan(host, *placed, **changes), vms)  # type: ignore[arg-type]
    return [one.message.partition("itself: ")[2] for one in found]


@pytest.mark.parametrize(
    ("pooled", "isolated", "cpus", "said"),
    [
        (False, "", "0-3", "of its 4 CPUs 4 are dedicated to guests"),
        (True, "", "0-2", "of its 4 CPUs 3 are dedicated to guests, 1 in pools"),
        (
            True,
            "2",
            "0-1",
            "of its 4 CPUs 2 are dedicated to guests, 1 in pools, 1 isolated at boot",
        ),
    ],
)
def test_a_host_of_which_nothing_is_left_is_named(
    *, pooled: bool, isolated: str, cpus: str, said: str
) -> None:
    assert _said(vm("a", cpus), pooled=pooled, isolated=isolated) == [said]
    fewer = CpuSet.parse(cpus) - CpuSet([0])
    assert _said(vm("a", str(fewer)), pooled=pooled, isolated=isolated) == []


def test_isolated_threads_and_what_the_lock_holds_are_taken() -> None:
    lone = vm("a", "0", emulator=CpuSet([1]), iothreads=(iothread(1, "2"),))
    both = "strategy: dedicated, emulator: isolate, iothreads: isolate"
    others = (("elsewhere", CpuSet([3])),)
    assert len(_said(lone, pin=both, others=others)) == 1
    assert _said(lone, pin=both) == []
    assert _said(lone, pin="strategy: dedicated", others=others) == []


def test_guests_that_float_leave_the_host_its_share() -> None:
    assert _said(floating("a", "0-3", 2)) == []
    assert list(nothing_left(plan(None, vm("a", "0-3")), {})) == []
