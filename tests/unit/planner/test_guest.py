"""What the guest sees: contract section 4.5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from tests.property.hosts import synthetic
from tests.unit.planner.fleet import by_hand, cpus, machine, numa, only, planned, shape

if TYPE_CHECKING:
    from kvmc.spec.model import Topology

TWO = "node:2 l3:1 core:4 pu:2"
"""Node 0: cores 0+8 to 3+11; node 1: 4+12 to 7+15."""


def _shown(*vms: Any, host: Any = None, **policy: Any) -> Topology:
    return only(host or synthetic(TWO, **policy), *vms).topology


@pytest.mark.parametrize("strategy", ["dedicated", "shared", "none"])
def test_a_given_topology_is_kept(strategy: str) -> None:
    given = shape(sockets=2, dies=1, cores=1, threads=2)
    vm = machine("a", 4, strategy=strategy, topology=given)
    assert _shown(vm, shared=cpus("0,8")) == given


@pytest.mark.parametrize("strategy", ["none", "shared"])
def test_without_dedicated_vcpus_there_is_one_socket_of_single_threads(strategy: str) -> None:
    assert _shown(machine("a", 6, strategy=strategy), shared=cpus("0,8")) == shape(cores=6)


def test_hotplug_counts_up_to_max() -> None:
    assert _shown(machine("a", 6, boot=2)).vcpus == 6


@pytest.mark.parametrize(
    ("threads", "vcpus", "expected"),
    [
        ("require", 4, shape(cores=2, threads=2)),
        ("prefer", 4, shape(cores=2, threads=2)),
        ("prefer", 3, shape(cores=3)),
        ("isolate", 4, shape(cores=4)),
    ],
)
def test_threads_are_the_siblings_really_used_together(
    threads: str, vcpus: int, expected: Topology
) -> None:
    assert _shown(machine("a", vcpus, threads=threads)) == expected


def test_siblings_that_are_shared_for_want_of_room_are_not_shown_as_threads() -> None:
    host = synthetic("node:1 l3:1 core:2 pu:2")
    assert _shown(machine("a", 3), host=host) == shape(cores=3)


def test_siblings_of_a_core_whose_other_thread_is_reserved_are_not_shown_as_threads() -> None:
    host = synthetic("node:1 l3:1 core:2 pu:2", reserved=cpus("0,1"))
    assert _shown(machine("a", 2), host=host) == shape(cores=2)


def test_a_core_of_four_threads_is_shown_as_one() -> None:
    host = synthetic("node:1 l3:1 core:2 pu:4")
    assert _shown(machine("a", 8), host=host) == shape(cores=2, threads=4)


def test_two_vcpus_that_share_a_core_of_four_threads_are_threads_of_it() -> None:
    host = synthetic("node:1 l3:2 core:1 pu:4")
    vm = machine("a", 2, l3="require")
    assert _shown(vm, host=host) == shape(threads=2)
    assert not planned(host, vm)[1].diagnostics


def test_there_is_one_socket_a_cell() -> None:
    vm = machine("a", 8, **numa("0-3", "4-7"))
    assert _shown(vm) == shape(sockets=2, cores=2, threads=2)


@pytest.mark.parametrize("runs", [("0-1", "2-7"), ("0-1,4-5", "2-3,6-7")])
def test_cells_that_are_no_equal_runs_make_no_sockets(runs: tuple[str, ...]) -> None:
    assert _shown(machine("a", 8, **numa(*runs))) == shape(cores=4, threads=2)


def test_cells_of_a_vm_without_dedicated_vcpus_make_no_sockets() -> None:
    assert _shown(machine("a", 8, strategy="none", **numa("0-3", "4-7"))) == shape(cores=8)


def test_a_mixed_vm_shows_threads_only_where_every_guest_core_is_a_host_core() -> None:
    vm = machine("a", 5, strategy="mixed", vcpus=cpus("1-4"))
    assert _shown(vm, shared=cpus("0,8")) == shape(cores=5)


@pytest.mark.parametrize(
    ("pins", "expected"),
    [
        (("1", "9", "2", "10"), shape(cores=2, threads=2)),
        (("1", "2", "9", "10"), shape(cores=4)),
        (("1", "9", "2"), shape(cores=3)),
        (("1", "9", "2", "3"), shape(cores=4)),
        (("1", "9", "2", "3,11"), shape(cores=4)),
        (("1-2", "1-2"), shape(cores=2)),
    ],
    ids=str,
)
def test_pins_by_hand_show_what_they_do(pins: tuple[str, ...], expected: Topology) -> None:
    assert _shown(by_hand("a", *pins)) == expected


def test_pins_by_hand_without_a_host_promise_no_threads() -> None:
    plan, _ = planned(None, by_hand("a", "1", "9"))
    assert plan.vms[0].topology == shape(cores=2)


def test_a_guest_core_never_spans_two_cells() -> None:
    vm = by_hand("a", "1", "9", **numa("0", "1"))
    plan, _ = planned(synthetic(TWO), vm)
    shown = plan.vms[0].topology if plan.vms else None
    assert shown is None or shown.threads == 1


@pytest.mark.parametrize("count", range(1, 9))
def test_every_topology_holds_exactly_max_vcpus(count: int) -> None:
    host = synthetic(TWO)
    for vm in (machine("a", count), machine("a", count, strategy="none")):
        assert _shown(replace(vm, name="b"), host=host).vcpus == count
