"""A hint is a promise: with the change that it names, and no other, the VM fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kvmc.spec.model import MemoryBacking
from tests.property.hosts import GIB, synthetic
from tests.unit.planner.fleet import cpus, machine, numa, planned
from tests.unit.planner.hints import changed, changed_host, of_the_host

if TYPE_CHECKING:
    from kvmc.host.model import Host
    from kvmc.spec.model import Vm

TWO = "node:2 l3:2 core:2 pu:2"
"""Four caches of two cores; node 0: cores 0+8 to 3+11; node 1: 4+12 to 7+15."""

PAGES = MemoryBacking(hugepages_kib=GIB)


def _hints(host: Host, *vms: Vm) -> list[str]:
    """Return the parts of the hint for the last VM, which must be the one left out."""
    plan, outcome = planned(host, *vms)
    assert [u.name for u in plan.unplaced] == [vms[-1].name]
    (found,) = [d for d in outcome.diagnostics if d.is_error]
    hint = found.hint or ""
    return hint.removeprefix("it would fit with ").split(" or with ") if hint else []


CASES: dict[str, tuple[Host, tuple[Vm, ...], set[str]]] = {
    "numa": (synthetic(TWO), (machine("a", 10, numa="require"),), {"`numa: prefer`"}),
    "l3": (synthetic(TWO), (machine("a", 6, l3="require"),), {"`l3: prefer`"}),
    "isolate": (synthetic(TWO), (machine("a", 9, threads="isolate"),), {"`threads: prefer`"}),
    "cpus": (synthetic(TWO), (machine("a", 4, cpus=cpus("0-2")),), {"no `pin.cpus`"}),
    "kind": (synthetic(TWO), (machine("a", 2, kind="efficiency"),), {"`kind: any`"}),
    "emulator": (
        synthetic(TWO),
        (machine("a", 16, emulator="isolate"),),
        {"`emulator: own`"},
    ),
    "cells": (
        synthetic(TWO, memory_gib=4),
        (machine("a", 4, **numa("0-1", "2-3", memory_kib=6 * GIB)),),
        {"`numa.mode: preferred`"},
    ),
    "beside another": (
        synthetic(TWO),
        (machine("a", 10, threads="require"), machine("b", 8, threads="isolate")),
        set(),
    ),
    "overcommit": (
        synthetic(TWO, shared=cpus("0"), overcommit=2.0),
        (machine("a", 3, strategy="shared"),),
        {
            "`cpu.count: 2` instead of 3",
            "`policy.overcommit: 3` on synthetic",
            "`policy.shared: 0-1,9` on synthetic",
        },
    ),
    "overcommit of mixed": (
        synthetic(TWO, shared=cpus("0,8"), overcommit=1.5),
        (
            machine("a", 3, strategy="shared"),
            machine("b", 2, strategy="mixed", vcpus=cpus("0")),
        ),
        {"`policy.overcommit: 2` on synthetic", "`policy.shared: 0-1,8-9` on synthetic"},
    ),
    "no shared set": (
        synthetic(TWO),
        (machine("a", 2, threads="require"), machine("b", 9, strategy="shared")),
        {"`policy.shared: 1-2,9-10` on synthetic"},
    ),
    "pages": (
        synthetic(TWO, pages=2),
        (machine("a", 2, memory_kib=5 * GIB, memory_backing=PAGES),),
        {"1 more page of 1GiB on node 0"},
    ),
    "pages of a node": (
        synthetic(TWO, memory_gib=6, pages=2),
        (machine("a", 2, numa="require", memory_kib=3 * GIB, memory_backing=PAGES),),
        {"1 more page of 1GiB on node 0"},
    ),
    "pages for which there is no memory": (
        synthetic(TWO, memory_gib=2, pages=2),
        (machine("a", 2, memory_kib=5 * GIB, memory_backing=PAGES),),
        set(),
    ),
    "nothing helps": (synthetic(TWO, dedicated=cpus("")), (machine("a", 2),), set()),
}


@pytest.mark.parametrize("case", CASES)
def test_the_change_that_solves_it_is_named(case: str) -> None:
    host, vms, expected = CASES[case]
    assert expected <= set(_hints(host, *vms))


@pytest.mark.parametrize("case", CASES)
def test_every_change_that_is_named_solves_it_alone(case: str) -> None:
    host, vms, _ = CASES[case]
    for words in _hints(host, *vms):
        if of_the_host(words):
            plan, _ = planned(changed_host(host, words), *vms)
        else:
            plan, _ = planned(host, *vms[:-1], changed(vms[-1], words))
        assert not plan.unplaced, words


@pytest.mark.parametrize("case", CASES)
def test_the_count_that_is_named_is_the_largest_that_fits(case: str) -> None:
    host, vms, _ = CASES[case]
    for words in _hints(host, *vms):
        if words.startswith("`cpu.max"):
            smaller = changed(vms[-1], words)
            more = replace(smaller.cpu, max=smaller.cpu.max + 1, count=smaller.cpu.max + 1)
            plan, _ = planned(host, *vms[:-1], replace(smaller, cpu=more))
            assert plan.unplaced or more.max == vms[-1].cpu.max


def test_a_host_without_room_for_anything_promises_nothing() -> None:
    host, vms, _ = CASES["nothing helps"]
    assert _hints(host, *vms) == []


def test_a_refusal_points_at_the_count_in_the_spec() -> None:
    _, outcome = planned(synthetic(TWO), machine("a", 17))
    (found,) = outcome.diagnostics
    assert found.place is not None
    assert (found.place.file, found.place.pointer) == ("vms/a.yaml", "/cpu/count")


def test_everyone_left_out_is_told_so() -> None:
    vms = [machine(name, 12, threads="require") for name in "abc"]
    plan, outcome = planned(synthetic(TWO), *vms)
    assert [vm.name for vm in plan.vms] == ["a"]
    assert [u.name for u in plan.unplaced] == ["b", "c"]
    assert [d.place.file for d in outcome.diagnostics if d.place] == ["vms/b.yaml", "vms/c.yaml"]


def test_a_vm_far_too_large_is_told_what_fits() -> None:
    assert _hints(synthetic(TWO), machine("a", 1024)) == ["`cpu.count: 16` instead of 1024"]
