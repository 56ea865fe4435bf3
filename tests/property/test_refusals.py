"""What a refusal says is true: its hints against trying everything on small hosts."""

from __future__ import annotations

import re
from itertools import combinations
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import pytest
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.planner.held import hold
from kvmc.planner.plan import plan_host
from kvmc.spec.model import MemoryBacking
from tests.property.fleets import random_vm
from tests.property.hosts import GIB, random_host, synthetic
from tests.property.report import told
from tests.support.fleets import celled, machine
from tests.unit.planner.hints import CHANGES, changed, changed_host, of_the_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvmc.host.model import Host
    from kvmc.planner.held import Held
    from kvmc.spec.model import Vm

SHAPES = ("node:2 l3:1 core:4 pu:2", "node:2 l3:2 core:2 pu:2", "node:4 l3:1 core:2 pu:2")


class Case(NamedTuple):
    """VMs that the lock holds, with gaps where others have left, and one that is new."""

    host: Host
    locked: list[Vm]
    held: list[Held]
    new: Vm

    @property
    def vms(self) -> list[Vm]:
        return [*self.locked, self.new]


def anything(seed: int) -> Case:
    """Return VMs and hosts of all kinds."""
    rng = Random(f"anything/{seed}")  # noqa: S311 - not for secrets
    host = random_host(rng)
    vms: list[Vm] = []
    budget = len(host.online)
    while budget > 0 and len(vms) < 8:
        vms.append(random_vm(rng, f"v{len(vms)}", host, min(budget, 8)))
        budget -= vms[-1].cpu.max
    return _case(rng, host, vms, random_vm(rng, "x", host, 8))


def scattered(seed: int) -> Case:
    """Return VMs that are bound to nodes or caches, so that the room there is lies apart."""
    rng = Random(f"scattered/{seed}")  # noqa: S311 - not for secrets
    host = synthetic(
        rng.choice(SHAPES), memory_gib=8, core_sharing=rng.choice(["allow", "never", "never"])
    )
    vms: list[Vm] = []
    budget = 2 * len(host.cores)
    while budget > 0:
        vms.append(_bound(rng, f"v{len(vms)}", rng.choice([1, 2, 2, 3, 4])))
        budget -= vms[-1].cpu.max
    if rng.random() < 0.3:
        new = celled("x", [rng.choice([2, 4])] * 2, rng.choice([1, 4]))
    else:
        new = _bound(rng, "x", rng.choice([2, 4, 4, 6, 8]))
    return _case(rng, host, vms, new)


def short(seed: int) -> Case:
    """Return VMs that want huge pages and shared CPUs, of which the host has few."""
    rng = Random(f"short/{seed}")  # noqa: S311 - not for secrets
    shared = CpuSet(rng.choice([(), (), (0,), (0, 8), (0, 4)]))
    overcommit = rng.choice([1.0, 1.5, 2.3])
    pages, shape = rng.choice([0, 1, 3]), rng.choice(SHAPES)
    host = synthetic(shape, memory_gib=6, pages=pages, shared=shared, overcommit=overcommit)
    wishes = [_wish(rng, f"v{n}") for n in range(rng.choice([0, 2, 4]))]
    return _case(rng, host, wishes, _wish(rng, "x"))


def _wish(rng: Random, name: str) -> Vm:
    count = rng.choice([1, 2, 3, 4, 7])
    pages = MemoryBacking(hugepages_kib=rng.choice([None, GIB]))
    numa = rng.choice(["prefer", "require"])
    vm = machine(name, count, rng.choice([1, 2, 4]), threads="prefer", numa=numa)
    if rng.random() < 0.2:
        vm = celled(name, [rng.choice([1, 2])] * 2, rng.choice([1, 2]))
        cells = [replace(cell, hugepages_kib=pages.hugepages_kib) for cell in vm.numa.cells]
        vm = replace(vm, numa=replace(vm.numa, cells=tuple(cells)))
    if rng.random() < 0.6:
        vm = replace(vm, pin=replace(vm.pin, strategy="shared"))
    elif vm.cpu.max > 1:
        vm = replace(vm, pin=replace(vm.pin, strategy="mixed", vcpus=CpuSet((0,))))
    return replace(vm, memory_backing=pages, pin=replace(vm.pin, threads="prefer"))


def _bound(rng: Random, name: str, count: int) -> Vm:
    threads = rng.choice(["prefer", "isolate", "require"] if count % 2 == 0 else ["prefer"])
    rule = rng.choice([{"numa": "require"}, {"numa": "require"}, {"l3": "require"}, {}])
    return machine(name, count, rng.choice([1, 1, 2, 3]), threads=threads, **rule)


def _case(rng: Random, host: Host, vms: list[Vm], new: Vm) -> Case:
    plan = plan_host(vms, host).value
    assert plan is not None
    placed = {found.name: found for found in plan.vms}
    stay = [vm for vm in vms if vm.name in placed and rng.random() < 0.65]
    held = [hold(vm, placed[vm.name]) for vm in stay if vm.pin.strategy != "none"]
    return Case(host, stay, held, new)


def refused(drawn: Callable[[int], Case], seeds: range) -> Iterator[tuple[Case, list[str]]]:
    """Yield the cases in which just the new VM finds no place, with the parts of its hint."""
    for seed in seeds:
        case = drawn(seed)
        outcome = plan_host(case.vms, case.host, case.held)
        errors = [d for d in outcome.diagnostics if d.is_error]
        if [d.code for d in errors] == ["KV501"] and errors[0].message.startswith("x does not"):
            hint = (errors[0].hint or "").removeprefix("it would fit with ")
            yield case, hint.split(" or with ") if hint else []


def fits(case: Case, new: Vm, movers: tuple[str, ...] = ()) -> bool:
    """Whether everyone has a place with another new VM, or once some may move."""
    held = [line for line in case.held if line.name not in movers]
    plan = plan_host([*case.locked, new], case.host, held).value
    assert plan is not None
    return not plan.unplaced


def each_kind(few: int, many: int) -> pytest.MarkDecorator:
    """Run a test on the first cases of both kinds; on those up to `many` with `make test-all`."""
    kinds = [anything, scattered]
    cases = [pytest.param(k, range(few), id=k.__name__) for k in kinds]
    cases += [
        pytest.param(k, range(few, many), id=f"{k.__name__}-more", marks=pytest.mark.slow)
        for k in kinds
    ]
    return pytest.mark.parametrize(("drawn", "seeds"), cases)


@each_kind(50, 250)
def test_the_movers_that_are_named_are_enough_and_the_fewest(
    drawn: Callable[[int], Case], seeds: range
) -> None:
    sizes = []
    for case, hints in refused(drawn, seeds):
        said = [hint for hint in hints if hint.endswith(" moved")]
        movers = tuple(said[0].removesuffix(" moved").split(" and ")) if said else ()
        fewest = _fewest(case, [line.name for line in case.held])
        sizes.append(fewest)
        assert len(movers) == fewest, (said, told(case.host, case.vms))
        assert not movers or fits(case, case.new, movers), told(case.host, case.vms)
    assert 0 in sizes
    assert any(sizes)


def _fewest(case: Case, names: list[str]) -> int:
    """Return how many must move at the least, by trying; 0 where no set of them makes room."""
    for size in range(1, len(names) + 1):
        if any(fits(case, case.new, movers) for movers in combinations(names, size)):
            return size
    return 0


@each_kind(100, 400)
def test_the_changes_that_make_it_fit_are_named_and_no_others(
    drawn: Callable[[int], Case], seeds: range
) -> None:
    seen = set()
    for case, hints in refused(drawn, seeds):
        for words in CHANGES:
            new = changed(case.new, words)
            asked = new != case.new and (words != "`emulator: own`" or _isolates(case.new))
            helps = asked and fits(case, new)
            assert helps == (words in hints), (words, told(case.host, case.vms))
            seen |= {words} if helps else set()
    assert len(seen) > 1


def _isolates(vm: Vm) -> bool:
    return vm.pin.emulator == "isolate"


@each_kind(100, 400)
def test_the_count_that_is_named_is_the_largest(drawn: Callable[[int], Case], seeds: range) -> None:
    named = 0
    for case, hints in refused(drawn, seeds):
        vm = case.new
        if vm.numa.cells or vm.cpu.topology or vm.pin.strategy not in ("dedicated", "shared"):
            continue
        said = next((changed(vm, words).cpu.max for words in hints if words.startswith("`cpu")), 0)
        most = next((n for n in range(vm.cpu.max - 1, 0, -1) if fits(case, _of(vm, n))), 0)
        assert said == most, told(case.host, case.vms)
        named += bool(most)
    assert named > 2


@pytest.mark.parametrize(
    "seeds", [range(100), pytest.param(range(100, 400), marks=pytest.mark.slow)], ids=str
)
def test_the_change_of_the_host_that_is_named_is_enough_and_the_least(seeds: range) -> None:
    seen = 0
    for case, hints in refused(short, seeds):
        for words in filter(of_the_host, hints):
            seen += 1
            other = case._replace(host=changed_host(case.host, words))
            assert fits(other, case.new), (words, told(case.host, case.vms))
            if less := _a_little_less(words):
                other = case._replace(host=changed_host(case.host, less))
                assert not fits(other, case.new), (less, told(case.host, case.vms))
    assert seen > len(seeds) / 20


def _a_little_less(words: str) -> str:
    """Return a hint of a page or a hundredth less; "" where it would be about nothing."""
    if (pages := re.match(r"(\d+) more", words)) and int(pages[1]) > 1:
        return words.replace(pages[1], str(int(pages[1]) - 1), 1)
    ratio = re.match(r"`policy\.overcommit: ([\d.]+)`", words)
    return words.replace(ratio[1], f"{float(ratio[1]) - 0.01:g}") if ratio else ""


def _of(vm: Vm, count: int) -> Vm:
    return replace(vm, cpu=replace(vm.cpu, max=count, count=min(vm.cpu.count, count)))


def test_nobody_is_named_where_the_host_is_full() -> None:
    host = synthetic("node:2 l3:1 core:4 pu:2", memory_gib=8)
    vms = [machine(f"v{n}", 2, numa="require") for n in range(8)]
    plan = plan_host(vms, host).value
    assert plan is not None
    held = [hold(vm, found) for vm, found in zip(vms, plan.vms, strict=True)]
    case = Case(host, vms, held, machine("x", 2, numa="require"))
    (found,) = [d for d in plan_host(case.vms, host, held).diagnostics if d.is_error]
    assert found.hint is None
