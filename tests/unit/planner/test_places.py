"""Where emulator threads, I/O threads, shared vCPUs and memory go: docs/planner.md, last tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.spec.model import Scheduler, Tune
from tests.property.hosts import GIB, synthetic
from tests.unit.planner.fleet import (
    by_hand,
    cpus,
    machine,
    numa,
    only,
    pins,
    planned,
    refused,
    used,
)

if TYPE_CHECKING:
    from kvmc.spec.model import ThreadPlace, Vm

TWO = "node:2 l3:1 core:4 pu:2"
"""Node 0: cores 0+8 to 3+11; node 1: 4+12 to 7+15."""
SHARED = synthetic(TWO, shared=cpus("0,4,8,12"))


def _io(vm: Vm, count: int, where: ThreadPlace) -> Vm:
    return replace(vm, iothreads=count, pin=replace(vm.pin, iothreads=where))


def _fifo(text: str) -> Tune:
    return Tune(scheduler=(Scheduler(vcpus=cpus(text), policy="fifo", priority=1),))


def test_own_is_the_union_of_the_vms_pins() -> None:
    plan = only(SHARED, machine("a", 4, iothreads=2))
    assert plan.emulator == used(plan)
    assert [(t.id, t.cpus) for t in plan.iothreads] == [(1, used(plan)), (2, used(plan))]


def test_own_of_a_mixed_vm_has_the_shared_set_too() -> None:
    plan = only(SHARED, machine("a", 4, strategy="mixed", vcpus=cpus("2-3")))
    assert plan.emulator == used(plan) | SHARED.policy.shared


@pytest.mark.parametrize(("realtime", "left"), [("1-3", {0}), ("2", {0, 1, 3})])
def test_own_leaves_real_time_vcpus_alone_where_others_remain(
    realtime: str, left: set[int]
) -> None:
    plan = only(SHARED, machine("a", 4, tune=_fifo(realtime)))
    assert plan.emulator == CpuSet(
        cpu for pin in plan.vcpus if pin.id in left and pin.cpus for cpu in pin.cpus
    )


def test_own_of_a_wholly_real_time_vm_is_still_somewhere() -> None:
    plan = only(SHARED, machine("a", 2, tune=_fifo("0-1")))
    assert plan.emulator == used(plan)


@pytest.mark.parametrize("policy", ["batch", "idle"])
def test_a_scheduler_that_starves_nobody_changes_nothing(policy: Any) -> None:
    tune = Tune(scheduler=(Scheduler(vcpus=cpus("0"), policy=policy),))
    plan = only(SHARED, machine("a", 2, tune=tune))
    assert plan.emulator == used(plan)


@pytest.mark.parametrize("strategy", ["dedicated", "manual"])
def test_share_is_the_shared_set(strategy: str) -> None:
    wishes: dict[str, Any] = {"emulator": "share"}
    vm = by_hand("a", "1", **wishes) if strategy == "manual" else machine("a", 2, **wishes)
    assert only(SHARED, vm).emulator == SHARED.policy.shared


@pytest.mark.parametrize("strategy", ["dedicated", "manual"])
@pytest.mark.parametrize("place", ["emulator", "iothreads"])
def test_share_on_a_host_without_a_shared_set_is_an_error(strategy: str, place: str) -> None:
    vm = _io(by_hand("a", "1") if strategy == "manual" else machine("a", 2), 1, "own")
    wish: dict[str, Any] = {place: "share"}
    plan, outcome = planned(synthetic(TWO), replace(vm, pin=replace(vm.pin, **wish)))
    masks = [m for p in plan.vms for m in (p.emulator, *(t.cpus for t in p.iothreads))]
    assert all(masks)
    assert [d for d in outcome.diagnostics if d.is_error]


def test_isolate_gives_the_emulator_and_each_io_thread_a_cpu_of_its_own() -> None:
    vm = _io(machine("a", 4, emulator="isolate"), 2, "isolate")
    plan, _ = planned(SHARED, vm, machine("b", 2))
    first, second = plan.vms
    threads = [first.emulator, *(t.cpus for t in first.iothreads)]
    assert all(mask is not None and len(mask) == 1 for mask in threads)
    own = CpuSet(cpu for mask in threads if mask for cpu in mask)
    assert len(own) == 3
    assert own.isdisjoint(used(first) | used(second) | SHARED.policy.shared)
    cores = {SHARED.core_of[cpu].cpus for cpu in own}
    assert cores.isdisjoint({SHARED.core_of[cpu].cpus for cpu in used(second)})


def test_under_require_an_isolated_emulator_never_sits_beside_a_vcpu() -> None:
    plan = only(SHARED, machine("a", 4, threads="require", emulator="isolate"))
    homes = {SHARED.core_of[cpu].cpus for cpu in used(plan)}
    assert plan.emulator is not None
    assert SHARED.core_of[plan.emulator.first].cpus not in homes


def test_isolated_threads_count_against_the_room() -> None:
    host = synthetic("node:1 l3:1 core:2 pu:2")
    assert used(only(host, machine("a", 4))) == cpus("0-3")
    assert list(refused(host, machine("a", 4, emulator="isolate"))) == ["a"]


def test_a_list_is_exactly_that_list() -> None:
    plan = only(SHARED, machine("a", 2, emulator=cpus("0,8")))
    assert str(plan.emulator) == "0,8"


def test_with_strategy_none_nothing_is_pinned_or_bound() -> None:
    vm = machine("a", 4, strategy="none", iothreads=1, **numa("0-1", "2-3"))
    for host in (SHARED, None):
        plan = only(host, vm)
        assert pins(plan) == ["None"] * 4
        assert plan.emulator is None
        assert [t.cpus for t in plan.iothreads] == [None]
        assert [c.host_node for c in plan.cells] == [None, None]
        assert plan.memory_nodes is None


def test_shared_vcpus_float_on_the_whole_shared_set_up_to_max() -> None:
    plan = only(SHARED, machine("a", 6, boot=2, strategy="shared"))
    assert pins(plan) == ["0,4,8,12"] * 6
    assert not any(pin.dedicated for pin in plan.vcpus)


def test_shared_vcpus_of_a_bound_cell_float_on_its_node_only() -> None:
    plan = only(SHARED, machine("a", 4, strategy="shared", **numa("0-1", "2-3")))
    floats = {cell.host_node: pins(plan)[2 * cell.id] for cell in plan.cells}
    assert floats == {0: "0,8", 1: "4,12"}


def test_overcommit_is_the_number_that_is_written_and_no_float_below_it() -> None:
    host = synthetic("node:1 l3:1 core:64 pu:1", shared=cpus("0-44"), overcommit=1.4)
    assert pins(only(host, machine("a", 63, strategy="shared")))[62] == "0-44"


@pytest.mark.parametrize("overcommit", [1.0, 1.5, 4.0])
def test_the_shared_set_carries_overcommit_times_its_cpus_and_no_more(overcommit: float) -> None:
    host = synthetic(TWO, shared=cpus("0,8"), overcommit=overcommit)
    most = int(2 * overcommit)
    assert only(host, machine("a", most, strategy="shared")).strategy == "shared"
    assert list(refused(host, machine("a", most + 1, strategy="shared"))) == ["a"]
    full, more = (machine(n, count, strategy="shared") for n, count in (("a", most), ("b", 1)))
    assert list(refused(host, full, more)) == ["b"]


def test_memory_without_cells_comes_from_the_nodes_of_the_vcpus() -> None:
    plan = only(SHARED, machine("a", 4, cpus=cpus("4-7,12-15")))
    assert (str(plan.memory_nodes), plan.memory_mode) == ("1", "strict")


def test_memory_that_does_not_fit_there_is_preferred_with_a_warning() -> None:
    host = synthetic(TWO, memory_gib=4)
    plan, outcome = planned(host, machine("a", 2, memory_kib=5 * GIB))
    assert plan.vms[0].memory_mode == "preferred"
    assert [d.code for d in outcome.diagnostics] == ["KV504"]


def test_the_cells_say_which_vcpus_they_hold() -> None:
    plan = only(SHARED, machine("a", 4, **numa("0,2", "1,3")))
    assert [pin.cell for pin in plan.vcpus] == [0, 1, 0, 1]
    assert len({cell.host_node for cell in plan.cells}) == 2
    for pin in plan.vcpus:
        assert pin.cpus is not None
        assert pin.cell is not None
        assert SHARED.core_of[pin.cpus.first].node == plan.cells[pin.cell].host_node
