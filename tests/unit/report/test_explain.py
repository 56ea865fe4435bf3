"""Why each vCPU is where it is: the sentences agree with the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kvmc.report.explain import explain_vm
from kvmc.report.style import Style
from kvmc.spec.model import Numa
from tests.property.hosts import GIB, synthetic
from tests.unit.planner.fleet import by_hand, cpus, machine, numa, planned, shape

if TYPE_CHECKING:
    from kvmc.host.model import Host
    from kvmc.spec.model import Vm

TWO = synthetic("node:2 l3:2 core:2 pu:2")
"""Four caches of two cores; node 0: cores 0+8 to 3+11; node 1: 4+12 to 7+15."""


def _explain(host: Host | None, *vms: Vm) -> str:
    """Return the explanation of the last VM."""
    plan, _ = planned(host, *vms)
    return explain_vm(plan, vms[-1], Style())


def _rows(text: str, count: int) -> list[str]:
    return text.splitlines()[2 : 2 + count]


def test_guest_threads_on_siblings() -> None:
    text = _explain(TWO, machine("a", 4, threads="require"))
    assert text.startswith("a on synthetic: dedicated, threads require\n")
    rows = _rows(text, 4)
    assert [row.split()[0] for row in rows] == ["0", "1", "2", "3"]
    assert "thread 0 of guest core 0; its siblings share the host core" in rows[0]
    assert "thread 1 of guest core 1" in rows[3]
    assert "(a vCPU 1)" in rows[0]
    assert "given up: nothing" in text


def test_a_core_of_its_own_and_who_is_beside() -> None:
    host = replace(TWO, policy=replace(TWO.policy, reserved=cpus("8-15")))
    rows = _rows(_explain(host, machine("a", 2)), 2)
    assert all("a core of its own" in row and "(reserved)" in row for row in rows)
    rows = _rows(_explain(TWO, machine("a", 2, threads="isolate")), 2)
    assert all("(empty)" in row for row in rows)
    host = replace(TWO, policy=replace(TWO.policy, pools=(("dpdk", cpus("8-15")),)))
    assert "(pool)" in _explain(host, machine("a", 2))


def test_shared_siblings_are_owned_up_to() -> None:
    text = _explain(synthetic("node:1 l3:1 core:2 pu:2"), machine("a", 3))
    assert text.count("shares its core") == 2
    assert "given up: 1 core holds vCPUs" in text


def test_split_guest_cores_are_owned_up_to() -> None:
    host = replace(TWO, policy=replace(TWO.policy, dedicated=cpus("0-1")))
    text = _explain(host, machine("a", 2, topology=shape(threads=2)))
    assert "its siblings are apart" in text


@pytest.mark.parametrize(
    ("vm", "word"),
    [
        (machine("a", 10), "spread over 2 nodes"),
        (machine("a", 6), "spread over 2 last-level caches"),
    ],
    ids=["nodes", "caches"],
)
def test_what_was_given_up_is_named(vm: Vm, word: str) -> None:
    assert f"given up: it is {word}" in _explain(TWO, vm)


def test_memory_elsewhere_is_given_up_too() -> None:
    host = synthetic("node:2 l3:1 core:4 pu:2", memory_gib=4)
    text = _explain(host, machine("a", 2, memory_kib=6 * GIB))
    assert "memory from node 0, preferred" in text
    assert "not all of its memory fits its nodes" in text


def test_memory_that_was_asked_to_yield_is_not_given_up() -> None:
    text = _explain(TWO, machine("a", 2, numa=Numa(mode="preferred")))
    assert "memory from node 0, preferred" in text
    assert "given up: nothing" in text


TIGHT = synthetic("node:1 l3:1 core:1 pu:2")
"""One core: 0+1."""
ALLOWING = replace(TIGHT, policy=replace(TIGHT.policy, core_sharing="allow"))


@pytest.mark.parametrize(
    ("vm", "word"),
    [
        (machine("a", 1, emulator="isolate"), "1 (a emulator threads)"),
        (
            replace(machine("a", 1, iothreads="isolate"), iothreads=1),
            "1 (a I/O thread 1)",
        ),
    ],
    ids=["emulator", "I/O thread"],
)
def test_an_isolated_thread_beside_a_vcpu_is_somebody(vm: Vm, word: str) -> None:
    text = _explain(TIGHT, vm)
    (row,) = _rows(text, 1)
    assert word in row
    assert "shares its core" in row
    assert "given up: 1 core holds emulator or I/O threads too" in text


def test_a_list_that_touches_the_sibling_is_not_empty() -> None:
    (row,) = _rows(text := _explain(TWO, machine("a", 1, cpus=cpus("1"), emulator=cpus("9-10"))), 1)
    assert "9 (pinned to)" in row
    assert "shares its core" in row
    assert "given up: 1 core holds emulator or I/O threads too" in text


def test_a_core_shared_with_another_vm_is_owned_up_to() -> None:
    text = _explain(ALLOWING, machine("b", 1), machine("a", 1))
    (row,) = _rows(text, 1)
    assert "(b vCPU 0)" in row
    assert "shares its core" in row
    assert "given up: 1 core holds CPUs of b too" in text


def test_a_vm_that_only_the_lock_knows_is_somebody() -> None:
    vm = machine("a", 1)
    plan, _ = planned(ALLOWING, vm)
    text = explain_vm(replace(plan, others=(("locked", cpus("1")),)), vm, Style())
    assert "1 (locked)" in text
    assert "shares its core" in text
    assert "given up: 1 core holds CPUs of locked too" in text


def test_guest_siblings_with_others_on_their_core_say_so() -> None:
    host = synthetic("node:1 l3:1 core:1 pu:4")
    host = replace(host, policy=replace(host.policy, core_sharing="allow"))
    text = _explain(host, machine("b", 2), machine("a", 2))
    rows = _rows(text, 2)
    told = "its siblings share the host core; others are on the host core too"
    assert all(told in row for row in rows)
    assert "given up: 1 core holds CPUs of b too" in text


def test_hotplug_pins_are_held() -> None:
    rows = _rows(_explain(TWO, machine("a", 2, boot=1, threads="isolate")), 2)
    assert ["held for hotplug" in row for row in rows] == [False, True]


def test_cells_are_told_with_their_nodes() -> None:
    text = _explain(TWO, machine("a", 4, **numa("0-1", "2-3")))
    assert "cell 0 (vCPUs 0-1): host node 0" in text
    assert "cell 1 (vCPUs 2-3): host node 1" in text


@pytest.mark.parametrize(
    ("vm", "why"),
    [
        (machine("a", 2, strategy="none"), "not pinned: strategy none"),
        (by_hand("a", "1", "2-3"), "as pin.map says"),
    ],
    ids=["none", "manual"],
)
@pytest.mark.parametrize("host", [TWO, None], ids=["host", "no host"])
def test_what_the_planner_did_not_decide_is_said(vm: Vm, why: str, host: Any) -> None:
    text = _explain(host, vm)
    assert text.count(why) == 2
    assert ("a on synthetic" in text) is (host is not None)


def test_shared_vcpus_float() -> None:
    host = replace(TWO, policy=replace(TWO.policy, shared=cpus("0,8")))
    assert _explain(host, machine("a", 2, strategy="shared")).count("floats on the shared set") == 2


def test_emulator_and_io_threads_are_told_with_what_was_asked() -> None:
    vm = machine("a", 2, emulator="isolate", iothreads=1)
    text = _explain(TWO, replace(vm, pin=replace(vm.pin, iothreads=cpus("15"))))
    assert "(isolate)" in text
    assert "I/O thread 1 on 15 (as listed)" in text


@pytest.mark.parametrize("count", [17, 100])
def test_no_place_is_explained(count: int) -> None:
    text = _explain(TWO, machine("a", count))
    assert text.startswith("a has no place: needs ")
    assert text.endswith("(this is proven)\n")


def test_a_vm_refused_for_its_numbers_is_explained_too() -> None:
    text = _explain(TWO, by_hand("a", "3"), by_hand("b", "3"))
    assert text.startswith("b has no place: ")
