"""The arithmetic in a refusal is the host's: every number in it is counted again here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kvmc.spec.model import MemoryBacking
from tests.property.hosts import GIB, synthetic
from tests.unit.planner.fleet import by_hand, cpus, machine, numa, planned, refused

if TYPE_CHECKING:
    from kvmc.spec.model import Vm

TWO = "node:2 l3:1 core:4 pu:2"
"""Node 0: cores 0+8 to 3+11; node 1: 4+12 to 7+15."""

PAGES = MemoryBacking(hugepages_kib=GIB)
SHARED: dict[str, Any] = {"strategy": "shared"}


def _free(reason: str) -> dict[int, int]:
    """Return node -> the number that the sentence says it has."""
    return {int(n): int(count) for n, count in re.findall(r"node (\d+) has (\d+)", reason)}


@pytest.mark.parametrize(
    ("pin", "count", "needs", "free"),
    [
        ({"threads": "require", "numa": "require"}, 10, "5 whole cores", {0: 4, 1: 4}),
        ({"threads": "require"}, 18, "9 whole cores", {0: 4, 1: 4}),
        ({"threads": "isolate"}, 9, "9 free cores", {0: 4, 1: 4}),
        ({"threads": "prefer"}, 17, "17 CPUs", {0: 8, 1: 8}),
        ({"threads": "prefer", "numa": "require"}, 9, "9 CPUs", {0: 8, 1: 8}),
        ({"threads": "require", "cpus": cpus("0-1,8-9")}, 6, "3 whole cores", {0: 2}),
    ],
    ids=str,
)
def test_it_says_what_is_needed_and_what_each_node_has(
    pin: dict[str, Any], count: int, needs: str, free: dict[int, int]
) -> None:
    reason = refused(synthetic(TWO), machine("a", count, **pin))["a"]
    assert f"needs {needs}" in reason
    assert _free(reason) == free
    assert ("on one node" in reason) is (pin.get("numa") == "require")


def test_many_nodes_with_as_much_each_are_named_together() -> None:
    vms = [by_hand("one", "4"), machine("z", 6, threads="require", numa="require")]
    reason = refused(synthetic("node:6 l3:1 core:2 pu:2"), *vms)["z"]
    assert "nodes 0-1,3-5 have 2 each, node 2 has 1 free" in reason


def test_it_counts_what_is_left_and_names_who_holds_the_rest() -> None:
    vms = [
        by_hand("big", "0", "8", "1", "9", "2", "10", "3", "11", "4", "12"),
        by_hand("small", "5", "13"),
        machine("z", 6, threads="require"),
    ]
    reason = refused(synthetic(TWO), *vms)["z"]
    assert "needs 3 whole cores" in reason
    assert _free(reason) == {0: 0, 1: 2}
    assert "5 cores are held by big, 1 by small" in reason


def test_cores_with_a_thread_taken_by_policy_are_no_whole_cores() -> None:
    host = synthetic(TWO, reserved=cpus("0,4"), pools=(("dpdk", cpus("9")),))
    reason = refused(host, machine("a", 12, threads="require"))["a"]
    assert _free(reason) == {0: 2, 1: 3}


def test_the_memory_of_each_node_is_what_is_left_there() -> None:
    host = synthetic(TWO, memory_gib=8)
    first = machine("a", 2, cpus=cpus("0,8"), **numa("0-1", memory_kib=5 * GIB))
    second = machine("b", 2, **numa("0-1", memory_kib=9 * GIB))
    reason = refused(host, first, second)["b"]
    assert "needs 9GiB on one node" in reason
    assert "node 0 has 3GiB, node 1 has 8GiB" in reason


def test_huge_page_pools_are_not_normal_memory() -> None:
    host = synthetic(TWO, memory_gib=8, pages=6)
    vm = machine("a", 2, **numa("0-1", memory_kib=3 * GIB))
    assert "node 0 has 2GiB, node 1 has 2GiB" in refused(host, vm)["a"]


def test_huge_pages_are_counted_in_pages_of_their_size() -> None:
    host = synthetic(TWO, memory_gib=8, pages=2)
    vm = machine("a", 2, memory_kib=5 * GIB, memory_backing=MemoryBacking(hugepages_kib=GIB))
    reason = refused(host, vm)["a"]
    assert "needs 5 pages of 1GiB" in reason
    assert "has 4 left" in reason


def test_the_shared_set_is_counted_by_its_online_cpus() -> None:
    host = synthetic(TWO, shared=cpus("0,8"), overcommit=1.0)
    cores = (replace(host.cores[0], cpus=(0,)), *host.cores[1:])
    host = replace(host, cores=cores, offline=cpus("8"))
    reason = refused(host, machine("a", 2, strategy="shared"))["a"]
    carries, number, factor = re.findall(r"carries (\d+) \((\d+) CPUs? x ([\d.]+)\)", reason)[0]
    assert int(carries) == int(int(number) * float(factor)) == 1


def test_huge_pages_are_told_by_node() -> None:
    host = synthetic(TWO, memory_gib=8, pages=2)
    vms = [machine(n, 2, memory_kib=3 * GIB, memory_backing=PAGES, **SHARED) for n in "ab"]
    host = replace(host, policy=replace(host.policy, shared=cpus("0,8")))
    reason = refused(host, *vms)["b"]
    assert reason == "needs 3 pages of 1GiB, synthetic has 1 left of 4 (node 0 2, node 1 2)"


def test_shared_cells_are_told_what_each_node_carries() -> None:
    host = synthetic(TWO, shared=cpus("0,8"), overcommit=4.0)
    reason = refused(host, machine("a", 4, **numa("0-1", "2-3"), **SHARED))["a"]
    assert reason == (
        "needs 2, 2 shared vCPUs on 2 different nodes; node 0 has 8, node 1 has 0 left"
    )


def test_memory_that_only_some_nodes_have_is_told_beside_the_cores() -> None:
    host = synthetic(TWO, memory_gib=8)
    first = machine("a", 6, cpus=cpus("0-3,8-11"), **numa("0-5", memory_kib=5 * GIB))
    reason = refused(host, first, machine("b", 4, **numa("0-1", "2-3", memory_kib=4 * GIB)))["b"]
    assert "needs 4GiB, 4GiB on 2 different nodes; node 0 has 3GiB, node 1 has 8GiB left" in reason


def test_the_largest_caches_are_told() -> None:
    host = synthetic("node:2 l3:2 core:2 pu:2", reserved=cpus("0"))
    reason = refused(host, machine("a", 5, l3="require"))["a"]
    assert reason.startswith("needs 5 CPUs in one L3; node 0 has 7, node 1 has 8 free")
    assert reason.endswith("one L3 has at most 4: L3 1 (node 0), L3 2 (node 1), L3 3 (node 1)")


def test_caches_that_are_not_known_are_said_to_be_so() -> None:
    host = synthetic(TWO)
    host = replace(host, cores=tuple(replace(core, l3=None) for core in host.cores))
    reason = refused(host, machine("a", 2, l3="require"))["a"]
    assert reason.endswith("no L3 is known of these cores")


@pytest.mark.parametrize(
    ("vm", "words"),
    [
        (machine("a", 6, threads="require", **numa("0-2", "3-5")), "3 dedicated vCPUs of cell 0"),
        (machine("a", 3, threads="require"), "3 dedicated vCPUs do not fill"),
        (
            machine("a", 4, threads="require", strategy="mixed", vcpus=cpus("1-2")),
            "vCPUs 1-2 are no whole guest cores",
        ),
        (
            machine("a", 5, threads="require", strategy="mixed", vcpus=cpus("0-1")),
            "5 vCPUs do not fill",
        ),
    ],
    ids=["cells", "count", "crooked", "the floating ones"],
)
def test_vcpus_that_do_not_fill_whole_cores_are_named(vm: Vm, words: str) -> None:
    assert words in refused(synthetic(TWO, shared=cpus("0,8")), vm)["a"]


def test_a_host_without_a_shared_set_is_said_to_have_none() -> None:
    assert "no shared set" in refused(synthetic(TWO), machine("a", 1, strategy="shared"))["a"]


def test_what_does_not_fit_leaves_out_the_fewest_vcpus() -> None:
    host = synthetic("node:1 l3:1 core:4 pu:2")
    plan, _ = planned(host, machine("a", 6), machine("b", 4), machine("c", 4))
    assert [u.name for u in plan.unplaced] == ["a"]


def test_a_refusal_that_is_certain_says_so() -> None:
    plan, outcome = planned(synthetic(TWO), machine("a", 17))
    assert [u.proven for u in plan.unplaced] == [True]
    assert [d.code for d in outcome.diagnostics] == ["KV501"]


@pytest.mark.parametrize(
    ("pin", "policy", "why"),
    [
        ({"kind": "performance"}, {}, "no core of synthetic is known to be of kind performance"),
        ({"cpus": cpus("98-99")}, {}, "CPUs 98-99 of pin.cpus: none is online on synthetic"),
        (
            {"cpus": cpus("1,9")},
            {"reserved": cpus("1,9")},
            "the policy of synthetic leaves none of CPUs 1,9 for dedicated vCPUs",
        ),
        (
            {},
            {"dedicated": cpus("")},
            "the policy of synthetic leaves no CPU for dedicated vCPUs",
        ),
        ({"cpus": cpus("1,99")}, {}, "CPU 99 of pin.cpus is not online on synthetic"),
    ],
)
def test_it_says_why_no_cpu_is_a_candidate(
    pin: dict[str, Any], policy: dict[str, Any], why: str
) -> None:
    assert why in refused(synthetic(TWO, **policy), machine("a", 2, **pin))["a"]


def test_fewer_vcpus_are_asked_for_in_the_field_that_says_how_many() -> None:
    host = synthetic("node:1 l3:1 core:4 pu:2")
    cases = {
        (10, 10): "`cpu.count: 8` instead of 10",
        (4, 10): "`cpu.max: 8` instead of 10",
        (9, 10): "`cpu: {count: 8, max: 8}` instead of 9 and 10",
    }
    for (boot, most), words in cases.items():
        (found,) = planned(host, machine("a", most, boot=boot))[1].diagnostics
        assert found.hint == f"it would fit with {words}"
