"""Lines of a lock that are each right, and together more than the host has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kvmc.planner.held import hold
from kvmc.planner.locking.checks import check_lock
from kvmc.planner.locking.lock import Lock
from kvmc.planner.locking.overbooked import overbooked
from kvmc.spec.model import MemoryBacking
from tests.property.hosts import GIB, synthetic
from tests.unit.planner.fleet import by_hand, cpus, machine, numa, planned

if TYPE_CHECKING:
    from kvmc.host.model import Host
    from kvmc.planner.held import Held
    from kvmc.spec.model import Vm

TWO = "node:2 l3:1 core:4 pu:2"
SHARED = synthetic(TWO, shared=cpus("0,4,8,12"))


def _lines(host: Host, *vms: Vm) -> tuple[Held, ...]:
    """Plan every VM as if it were alone: the lines that two branches would write."""
    return tuple(hold(vm, planned(host, vm)[0].vms[0]) for vm in vms)


def _said(host: Host, *vms: Vm) -> list[str]:
    return list(overbooked(_lines(host, *vms), host))


def test_shared_vcpus_count_against_the_shared_set() -> None:
    vms = [machine(name, 8, strategy="shared") for name in "ab"]
    assert _said(SHARED, *vms) == []
    assert _said(SHARED, *vms, machine("c", 1, strategy="shared")) == [
        "17 vCPUs float on the shared CPUs, which carry 16"
    ]


def test_those_of_a_cell_count_against_its_node() -> None:
    vms = [machine(name, 5, strategy="shared", **numa("0-4")) for name in "ab"]
    assert _said(SHARED, *vms) == ["10 vCPUs float on the shared CPUs of node 0, which carry 8"]


def test_memory_of_a_node() -> None:
    vms = [machine(name, 2, **numa("0-1", memory_kib=40 * GIB)) for name in "ab"]
    assert _said(SHARED, *vms[:1]) == []
    assert _said(SHARED, *vms) == ["they take 80GiB of memory on node 0, which has 64GiB"]
    assert _said(synthetic(TWO, memory_gib=None), *vms) == []


def test_huge_pages_of_a_node_and_of_the_host() -> None:
    host = synthetic(TWO, pages=4)
    paged: dict[str, Any] = {"memory_backing": MemoryBacking(hugepages_kib=GIB)}
    bound = [machine(n, 2, memory_kib=3 * GIB, numa="require", **paged) for n in "ab"]
    assert _said(host, *bound) == ["they take 6GiB of pages of 1GiB on node 0, which has 4GiB"]
    loose = [machine(n, 2, memory_kib=5 * GIB, **paged) for n in "ab"]
    assert _said(host, *loose) == ["they take 10GiB of pages of 1GiB on the host, which has 8GiB"]


def test_pins_by_hand_are_not_counted() -> None:
    vms = [by_hand(n, "1", "9", **numa("0-1", mode="preferred", memory_kib=40 * GIB)) for n in "ab"]
    assert _said(SHARED, *vms) == []


def test_a_lock_that_a_lower_overcommit_overtook_is_an_error_and_no_plan_is_tried() -> None:
    vms = [machine(name, 8, strategy="shared") for name in "ab"]
    lock = Lock(host="synthetic", fingerprint=SHARED.fingerprint, held=_lines(SHARED, *vms))
    assert check_lock(lock, SHARED, vms) == ()
    mean = replace(SHARED, policy=replace(SHARED.policy, overcommit=1.0))
    (said,) = check_lock(lock, mean, vms)
    assert said.code == "KV522"
    assert said.message.endswith("16 vCPUs float on the shared CPUs, which carry 4")


def test_a_line_whose_vm_asks_for_something_else_is_not_counted() -> None:
    vms = [machine(name, 8, strategy="shared") for name in "ab"]
    lock = Lock(host="synthetic", fingerprint=SHARED.fingerprint, held=_lines(SHARED, *vms))
    mean = replace(SHARED, policy=replace(SHARED.policy, overcommit=2.0))
    assert check_lock(lock, mean, [vms[0], machine("b", 1, strategy="shared")]) == ()
