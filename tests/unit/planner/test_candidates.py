"""Which host CPUs dedicated vCPUs may get: exactly those, and all of those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from tests.property.hosts import synthetic
from tests.unit.planner.fleet import by_hand, cpus, machine, only, planned, refused, used

if TYPE_CHECKING:
    from kvmc.host.model import Host

FOUR = "node:1 l3:1 core:4 pu:2"
"""Cores 0+4, 1+5, 2+6, 3+7."""


def _may_have(host: Host, wanted: str, **pin: Any) -> None:
    """A VM as big as the set gets exactly the set; one with a vCPU more gets nothing."""
    expected = cpus(wanted)
    assert used(only(host, machine("a", len(expected), **pin))) == expected
    assert list(refused(host, machine("a", len(expected) + 1, **pin))) == ["a"]


def test_without_a_policy_every_online_cpu_is_a_candidate() -> None:
    _may_have(synthetic(FOUR), "0-7")


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ({"reserved": cpus("0")}, "1-7"),
        ({"reserved": cpus("0,4")}, "1-3,5-7"),
        ({"pools": (("dpdk", cpus("1")),)}, "0,2-7"),
        ({"pools": (("a", cpus("1")), ("b", cpus("2,6")))}, "0,3-5,7"),
        ({"dedicated": cpus("2-3")}, "2-3"),
        ({"dedicated": cpus("0-3"), "reserved": cpus("0")}, "1-3"),
        ({"dedicated": cpus("0-3"), "pools": (("dpdk", cpus("3")),)}, "0-2"),
        ({"shared": cpus("1,5")}, "0,2-4,6-7"),
        ({"dedicated": cpus("0-7"), "shared": cpus("1,5")}, "0,2-4,6-7"),
    ],
    ids=str,
)
def test_policy_decides(policy: dict[str, Any], wanted: str) -> None:
    _may_have(synthetic(FOUR, **policy), wanted)


def test_the_sibling_of_a_shared_cpu_is_no_candidate_even_where_dedicated_names_it() -> None:
    host = synthetic(FOUR, shared=cpus("1"), dedicated=cpus("0-7"))
    _may_have(host, "0,2-4,6-7")


def test_offline_cpus_are_no_candidates_even_where_dedicated_names_them() -> None:
    host = synthetic(FOUR, dedicated=cpus("0-7"))
    cores = (replace(host.cores[0], cpus=(0,)), *host.cores[1:])
    _may_have(replace(host, cores=cores, offline=cpus("4")), "0-3,5-7")


def test_pin_cpus_restricts_and_never_widens() -> None:
    host = synthetic(FOUR, reserved=cpus("0,4"))
    _may_have(host, "1-2", cpus=cpus("0-2"))


def _hybrid() -> Host:
    """P-cores 0+4 and 1+5, an E-core 2 (its sibling is none), and 3+7 of unknown kind."""
    host = synthetic(FOUR)
    kinds = ("performance", "performance", "efficiency", None)
    cores = [replace(c, kind=k) for c, k in zip(host.cores, kinds, strict=True)]
    cores[2] = replace(cores[2], cpus=(2,))
    return replace(host, cores=tuple(cores), offline=cpus("6"))


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("performance", "0-1,4-5"), ("efficiency", "2"), (None, "0-5,7")],
)
def test_a_core_of_unknown_kind_is_of_no_kind_but_of_any(kind: Any, wanted: str) -> None:
    _may_have(_hybrid(), wanted, kind=kind)


def test_a_kind_that_the_host_does_not_have_has_no_candidate() -> None:
    assert "a" in refused(_hybrid(), machine("a", 1, kind="low-power"))


@pytest.mark.parametrize(
    "policy", [{"reserved": cpus("0")}, {"pools": (("dpdk", cpus("4")),)}], ids=str
)
def test_isolate_takes_no_core_whose_sibling_somebody_uses(policy: dict[str, Any]) -> None:
    host = synthetic(FOUR, **policy)
    plan = only(host, machine("a", 3, threads="isolate"))
    assert {host.core_of[cpu].cpus[0] for cpu in used(plan)} == {1, 2, 3}
    assert "a" in refused(host, machine("a", 4, threads="isolate"))


@pytest.mark.parametrize("sharing", ["never", "allow"])
def test_the_siblings_of_an_isolate_vm_stay_empty(sharing: str) -> None:
    host = synthetic(FOUR, core_sharing=sharing)
    isolated, other = machine("a", 3, threads="isolate"), machine("b", 2)
    plan, _ = planned(host, isolated, other)
    homes = [{host.core_of[cpu].cpus for cpu in used(p)} for p in plan.vms]
    assert len(homes[0]) == 3
    assert homes[0].isdisjoint(homes[1])
    assert list(refused(host, isolated, machine("b", 3))) != []


def test_a_core_with_a_pin_by_hand_is_no_candidate_for_anyone_else() -> None:
    host = synthetic(FOUR)
    other = only(host, by_hand("a", "1"), machine("b", 6))
    assert used(other) == cpus("0,2-4,6-7")


def test_emulator_threads_by_number_keep_their_core_from_others() -> None:
    host = synthetic(FOUR)
    listed = by_hand("a", "0", "4", emulator=CpuSet([1]))
    assert used(only(host, listed, machine("b", 4))) == cpus("2-3,6-7")
    assert "b" in refused(host, listed, machine("b", 5))
