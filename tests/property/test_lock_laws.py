"""The laws of the lock, on the fleets that the planner's own laws use."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.planner.held import hold
from kvmc.planner.locking.checks import check_lock
from kvmc.planner.locking.lock import Lock, dump_lock, load_lock
from kvmc.planner.locking.relock import relock
from kvmc.planner.plan import plan_host
from kvmc.source.reader import read
from tests.property.fleets import case
from tests.property.judge import violations
from tests.property.report import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Host
    from kvmc.planner.held import Held
    from kvmc.planner.model import HostPlan, VmPlan
    from kvmc.spec.model import Threads, Vm

each_seed = pytest.mark.parametrize("seed", range(120))


def plan(vms: Sequence[Vm], host: Host, held: Sequence[Held] = ()) -> HostPlan:
    value = plan_host(vms, host, held).value
    assert value is not None
    return value


def locked(vms: Sequence[Vm], host: Host) -> tuple[HostPlan, Lock]:
    found = plan(vms, host)
    lock, _ = relock(found, {vm.name: vm for vm in vms}, None, whole=True)
    return found, lock


def places(found: HostPlan) -> dict[str, VmPlan]:
    return {vm.name: vm for vm in found.vms}


@each_seed
def test_a_lock_survives_its_file(seed: int) -> None:
    one = case(seed)
    _, lock = locked(one.vms, one.host)
    text = dump_lock(lock)
    documents = read(text.encode(), "h.lock.yaml").value
    assert documents is not None
    loaded = load_lock(documents[0])
    assert loaded.diagnostics == ()
    assert loaded.value is not None
    assert loaded.value.held == lock.held
    assert dump_lock(loaded.value) == text


@each_seed
def test_a_fresh_lock_is_sound_and_planning_with_it_changes_nothing(seed: int) -> None:
    one = case(seed)
    found, lock = locked(one.vms, one.host)
    placed = [vm for vm in one.vms if vm.name in places(found)]
    assert check_lock(lock, one.host, placed) == ()
    again = plan(placed, one.host, lock.held)
    assert again == plan(placed, one.host, lock.held)
    after, changes = relock(again, {vm.name: vm for vm in placed}, lock, whole=True)
    assert not changes, told(one.host, one.vms)
    assert after.held == lock.held


@each_seed
def test_adding_a_vm_moves_no_other(seed: int) -> None:
    one = case(seed)
    *first, last = one.vms
    found, lock = locked(first, one.host)
    after = plan([*[vm for vm in first if vm.name in places(found)], last], one.host, lock.held)
    for name, before in places(found).items():
        assert [p.cpus for p in places(after)[name].vcpus] == [p.cpus for p in before.vcpus]
    assert violations(after, _asked(after, one.vms), one.host) == [], told(one.host, one.vms)


@each_seed
def test_a_vm_that_asks_for_less_memory_moves_nobody(seed: int) -> None:
    one = case(seed)
    found, lock = locked(one.vms, one.host)
    everyone = [vm for vm in one.vms if vm.name in places(found)]
    smaller = [_with_half_the_memory(vm) for vm in everyone]
    after = plan(smaller, one.host, lock.held)
    assert after.unplaced == (), told(one.host, one.vms)
    for name, before in places(found).items():
        assert [p.cpus for p in places(after)[name].vcpus] == [p.cpus for p in before.vcpus]
    assert violations(after, smaller, one.host) == [], told(one.host, one.vms)


@each_seed
def test_a_vm_that_asks_for_something_else_moves_no_other(seed: int) -> None:
    one = case(seed)
    found, lock = locked(one.vms, one.host)
    everyone = [vm for vm in one.vms if vm.name in places(found)]
    for vm in everyone:
        other = _changed(vm)
        after = plan([other if v is vm else v for v in everyone], one.host, lock.held)
        for name, before in places(found).items():
            if name != vm.name:
                now = places(after)[name].vcpus
                assert [p.cpus for p in now] == [p.cpus for p in before.vcpus]
        asked = [other if v is vm else v for v in everyone]
        assert violations(after, asked, one.host) == [], told(one.host, one.vms)


def _with_half_the_memory(vm: Vm) -> Vm:
    """Return the VM with half of its normal memory: pages are counted whole."""
    cells = tuple(
        replace(c, memory_kib=c.memory_kib // 2) if c.hugepages_kib is None else c
        for c in vm.numa.cells
    )
    paged = vm.memory_backing.hugepages_kib is not None
    whole = sum(c.memory_kib for c in cells) or (vm.memory_kib if paged else vm.memory_kib // 2)
    return replace(vm, numa=replace(vm.numa, cells=cells), memory_kib=whole)


def _changed(vm: Vm) -> Vm:
    """Return the VM with another thread policy, which changes where it may be."""
    turned: dict[Threads, Threads] = {"prefer": "isolate", "isolate": "prefer", "require": "prefer"}
    return replace(vm, pin=replace(vm.pin, threads=turned[vm.pin.threads]))


@each_seed
def test_a_vm_removed_and_added_again_moves_nobody(seed: int) -> None:
    one = case(seed)
    found, lock = locked(one.vms, one.host)
    everyone = [vm for vm in one.vms if vm.name in places(found)]
    for gone in everyone:
        rest = [vm for vm in everyone if vm is not gone]
        without = [line for line in lock.held if line.name != gone.name]
        assert plan(rest, one.host, without).unplaced == ()
        back = plan(everyone, one.host, without)
        assert back.unplaced == (), told(one.host, one.vms)
        for vm in rest:
            before = places(found)[vm.name]
            assert [p.cpus for p in places(back)[vm.name].vcpus] == [p.cpus for p in before.vcpus]


@each_seed
def test_lines_of_vms_that_are_not_here_keep_others_away(seed: int) -> None:
    one = case(seed)
    found, lock = locked(one.vms, one.host)
    everyone = [vm for vm in one.vms if vm.name in places(found)]
    for alone in everyone:
        others = [line for line in lock.held if line.name != alone.name]
        one_plan = plan([alone], one.host, others)
        assert one_plan.unplaced == (), told(one.host, one.vms)
        merged = [p for p in found.vms if p.name != alone.name] + list(one_plan.vms)
        whole = type(found)(host=one.host, vms=tuple(sorted(merged, key=lambda p: p.name)))
        broken = [v for v in violations(whole, everyone, one.host) if "memory" not in v]
        assert broken == [], told(one.host, one.vms)


@each_seed
def test_a_line_says_all_that_keeps_a_vm_where_it_is(seed: int) -> None:
    one = case(seed)
    found, lock = locked(one.vms, one.host)
    named = {vm.name: vm for vm in one.vms}
    kept = plan([vm for vm in one.vms if vm.name in places(found)], one.host, lock.held)
    for vm in kept.vms:
        if vm.strategy != "none":
            assert hold(named[vm.name], vm) == lock.by_name()[vm.name]


@each_seed
def test_of_a_plan_made_anew_as_many_stay_as_places_that_are_as_good_allow(seed: int) -> None:
    one = case(seed)
    found, lock = locked(one.vms, one.host)
    everyone = [vm for vm in one.vms if vm.name in places(found)]
    rng = Random(seed)  # noqa: S311 - a test
    names = [vm.name for vm in everyone]
    former = [replace(line, name=rng.choice(names)) for line in lock.held]
    after = plan_host(everyone, one.host, (), former).value
    assert after is not None
    assert violations(after, everyone, one.host) == [], told(one.host, one.vms)
    same = plan_host(everyone, one.host, (), lock.held).value
    assert same is not None
    assert {p.name: p.vcpus for p in same.vms} == {
        p.name: p.vcpus for p in plan(everyone, one.host).vms
    }


@each_seed
def test_a_line_edited_by_hand_is_refused_or_does_no_harm(seed: int) -> None:
    one = case(seed)
    found, lock = locked(one.vms, one.host)
    everyone = [vm for vm in one.vms if vm.name in places(found)]
    rng = Random(seed)  # noqa: S311 - a test
    for _ in range(10 if lock.held else 0):
        bad = replace(lock, held=_edited(lock.held, one.host, rng))
        if check_lock(bad, one.host, everyone) == ():
            after = plan(everyone, one.host, bad.held)
            assert violations(after, everyone, one.host) == [], told(one.host, one.vms)
            for vm in after.vms:
                assert vm.topology.vcpus == len(vm.vcpus)


def _edited(lines: Sequence[Held], host: Host, rng: Random) -> tuple[Held, ...]:
    """Return the lines with one of them changed at random, as a person or a merge might."""
    number = rng.randrange(len(lines))
    line = lines[number]
    cpus = list(line.cpus)
    online = [CpuSet([cpu]) for cpu in host.online]
    match rng.randrange(6):
        case 0:
            rng.shuffle(cpus)
        case 1:
            cpus[rng.randrange(len(cpus))] = rng.choice(online)
        case 2:
            cpus = list(rng.choice(lines).cpus)
        case 3:
            line = replace(line, siblings=rng.randint(1, 4))
        case 4:
            line = replace(line, isolated=tuple(rng.choice(list(host.online)) for _ in range(2)))
        case _:
            node = rng.randint(0, len(host.nodes))
            moved = tuple(replace(booking, node=node) for booking in line.bookings)
            line = replace(line, bookings=moved)
    return (*lines[:number], replace(line, cpus=tuple(cpus)), *lines[number + 1 :])


def _asked(found: HostPlan, vms: Sequence[Vm]) -> list[Vm]:
    names = {vm.name for vm in found.vms} | {u.name for u in found.unplaced}
    return [vm for vm in vms if vm.name in names]
