"""What a sound plan still tells: warnings and notes, and when it keeps quiet."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from kvmc.diagnostics import Severity
from kvmc.spec.model import Numa
from tests.property.hosts import GIB, synthetic
from tests.unit.planner.fleet import (
    by_hand,
    codes,
    cpus,
    machine,
    numa,
    planned,
    said,
    shape,
    used,
)

ONE = "node:1 l3:1 core:4 pu:2"
"""Cores 0+4, 1+5, 2+6, 3+7."""


def _severity(outcome: Any, code: str) -> Severity:
    severity: Severity
    (severity,) = {d.severity for d in outcome.diagnostics if d.code == code}
    return severity


@pytest.mark.parametrize(
    "vms",
    [
        (machine("a", 8),),
        (machine("a", 4), machine("b", 4)),
        (machine("a", 3),),
        (machine("a", 4, threads="isolate"),),
        (machine("a", 8, threads="require"),),
        (by_hand("a", "0", "4"),),
    ],
    ids=str,
)
def test_a_plan_without_a_compromise_says_nothing(vms: Any) -> None:
    assert codes(planned(synthetic(ONE), *vms)[1]) == []


@pytest.mark.parametrize("count", [5, 7])
def test_vcpus_that_share_a_core_unseen_are_named_with_their_cores(count: int) -> None:
    host = synthetic(ONE)
    plan, outcome = planned(host, machine("a", count))
    message = said(outcome, "KV503")
    assert _severity(outcome, "KV503") is Severity.WARNING
    together: dict[int, list[int]] = {}
    for pin in plan.vms[0].vcpus:
        assert pin.cpus is not None
        together.setdefault(host.core_of[pin.cpus.first].cpus[0], []).append(pin.id)
    pairs = {first: ids for first, ids in together.items() if len(ids) > 1}
    assert len(pairs) == count - 4
    for first, (one, other) in pairs.items():
        assert f"{one} and {other} on the core of CPU {first}" in message


def test_guest_threads_that_are_no_siblings_are_named() -> None:
    host = synthetic(ONE, dedicated=cpus("0-3"))
    _, outcome = planned(host, machine("a", 4, topology=shape(cores=2, threads=2)))
    assert codes(outcome) == ["KV505"]
    assert "guest cores 0, 1 of a show 2 threads" in said(outcome, "KV505")


def test_cores_that_two_vms_share_are_named_as_a_note() -> None:
    host = synthetic(ONE, core_sharing="allow")
    plan, outcome = planned(host, machine("a", 5), machine("b", 3))
    meet = {host.core_of[c].cpus for c in used(plan.vms[0])} & {
        host.core_of[c].cpus for c in used(plan.vms[1])
    }
    assert meet
    assert _severity(outcome, "KV506") is Severity.NOTE
    named = cpus(said(outcome, "KV506").split("CPUs ")[1].split(" ")[0])
    assert set(named) == {core[0] for core in meet}


def test_two_vms_never_share_a_core_where_they_do_not_have_to() -> None:
    host = synthetic(ONE, core_sharing="allow")
    assert "KV506" not in codes(planned(host, machine("a", 3), machine("b", 1))[1])


def test_memory_that_is_not_known_is_not_checked_and_that_is_said() -> None:
    host = synthetic(ONE, memory_gib=None)
    _, outcome = planned(host, machine("a", 2, memory_kib=512 * GIB))
    assert codes(outcome) == ["KV507"]
    assert _severity(outcome, "KV507") is Severity.NOTE


def test_memory_that_is_not_known_is_said_once_for_all_vms() -> None:
    host = synthetic("node:2 l3:1 core:4 pu:2", memory_gib=None)
    _, outcome = planned(host, machine("a", 8), machine("b", 8))
    assert codes(outcome) == ["KV507"]
    assert "the memory of a, b was not checked" in said(outcome, "KV507")
    assert "nodes 0-1 have" in said(outcome, "KV507")


@pytest.mark.parametrize("strategy", ["none", "shared"])
def test_memory_that_is_bound_to_no_node_needs_no_such_note(strategy: str) -> None:
    host = synthetic(ONE, memory_gib=None, shared=cpus("0"))
    assert codes(planned(host, machine("a", 2, strategy=strategy))[1]) == []


def test_memory_away_from_the_vcpus_is_said_once_for_each_vm() -> None:
    host = synthetic("node:2 l3:1 core:4 pu:2", memory_gib=4)
    _, outcome = planned(host, machine("a", 2, memory_kib=6 * GIB), machine("b", 2))
    assert codes(outcome) == ["KV504"]
    assert "6GiB of a " in said(outcome, "KV504")


def test_memory_that_spills_must_not_come_before_what_may_not() -> None:
    host = synthetic("node:1 l3:1 core:4 pu:2", memory_gib=4)
    cell = numa("0-1")
    vms = [machine("a", 2, memory_kib=6 * GIB), machine("b", 2, numa="require")]
    _, outcome = planned(host, *vms, machine("c", 2, **cell))
    (found,) = outcome.diagnostics
    assert found.hint is not None
    assert found.hint.endswith("; start b, c first, which must have theirs there")


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("strict", "it is bound with mode preferred, and some of it will be remote"),
        ("preferred", "some of it will be remote; `numa: require` refuses instead"),
        ("restrictive", "under `mode: restrictive` none of it may come from elsewhere"),
    ],
)
def test_what_becomes_of_memory_that_does_not_fit_depends_on_its_mode(
    mode: Any, words: str
) -> None:
    host = synthetic("node:1 l3:1 core:4 pu:2", memory_gib=4)
    (found,) = planned(host, machine("a", 2, memory_kib=6 * GIB, numa=Numa(mode=mode)))[
        1
    ].diagnostics
    assert found.hint is not None
    assert found.hint.startswith(words)


def test_cells_that_only_prefer_their_node_are_told_apart_from_those_that_must() -> None:
    host = synthetic("node:2 l3:1 core:4 pu:2", memory_gib=4)
    wide = numa("0-1", "2-3", mode="preferred", memory_kib=6 * GIB)
    assert set(codes(planned(host, machine("a", 4, **wide))[1])) == {"KV504"}
    strict = numa("0-1", "2-3", memory_kib=6 * GIB)
    assert codes(planned(host, machine("a", 4, **strict))[1]) == ["KV501"]


@pytest.mark.parametrize(
    ("isolated", "warned"), [("0-7", True), ("0-3,4-7", True), ("0-2", False), ("", False)]
)
def test_a_mask_of_nothing_but_isolated_cpus_piles_up(isolated: str, warned: bool) -> None:
    host = replace(synthetic(ONE), isolated=cpus(isolated))
    _, outcome = planned(host, machine("a", 8))
    assert codes(outcome) == (["KV508"] if warned else [])
    if warned:
        assert "the emulator threads" in said(outcome, "KV508")
        assert "vCPU 0" not in said(outcome, "KV508")


def test_a_mask_of_one_isolated_cpu_is_fine() -> None:
    host = replace(synthetic(ONE), isolated=cpus("0-7"))
    assert codes(planned(host, machine("a", 2, threads="isolate", emulator=cpus("7")))[1]) == []


def test_every_thread_that_piles_up_is_named() -> None:
    host = replace(synthetic(ONE), isolated=cpus("0-7"))
    vm = by_hand("a", "0-1", "2", emulator=cpus("3"), iothreads=2)
    message = said(planned(host, vm)[1], "KV508")
    assert "vCPU 0, I/O thread 1 and I/O thread 2 of a " in message
