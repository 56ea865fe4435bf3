"""Brute force: try every placement of every VM, keep the one with the smallest tuple.

Simple rather than fast. Only what is plainly equal is left out: what one VM may do stands in
seating.py; of partial placements that look alike to all VMs still to come only the cheapest is
kept; and a branch is cut where its price cannot become the smallest any more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

from msgspec import Struct

from tests.property.memory import items_of
from tests.property.price import price
from tests.property.seating import Problem, pose, seatings
from tests.property.seats import Seating, dedicated, refused

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from kvmc.host.model import Core, Host
    from kvmc.spec.model import Vm

Cost = tuple[int, ...]


class Best(Struct, frozen=True, kw_only=True):
    """The best placement: who sits where, who is left out, and the tuple."""

    seatings: tuple[Seating, ...]
    left_out: tuple[str, ...]
    cost: Cost


class _Fleet(Struct, frozen=True, kw_only=True):
    """The VMs that are to be placed, in the order they are tried."""

    order: list[Vm]
    rest: list[Cost]
    """The least that the VMs from each position on can add."""
    left_out: int


class _Record(Struct):
    """The best placement so far."""

    cost: Cost | None = None
    seatings: tuple[Seating, ...] = ()
    seen: dict[Hashable, Cost] = {}


def best(vms: Sequence[Vm], host: Host) -> Best:
    """Return the best placement; manual VMs come first, then as many vCPUs as possible."""
    out = refused(vms, host)
    heard = [vm for vm in vms if vm.name not in out]
    problem = pose(heard, host)
    alone = [vm for vm in heard if _search([vm], problem, 0).cost is not None]
    found: list[tuple[int, Cost, tuple[Seating, ...]]] = []
    for manual, left, chosen in _choices(vms, alone):
        if found and (manual, left) > (found[0][0], found[0][1][0]):
            break
        record = _search(chosen, problem, left)
        if record.cost is not None:
            found.append((manual, record.cost, record.seatings))
    _, cost, taken = min(found, key=lambda one: one[:2])
    names = {s.vm.name for s in taken}
    return Best(
        seatings=tuple(sorted(taken, key=lambda s: s.vm.name)),
        left_out=tuple(sorted(vm.name for vm in vms if vm.name not in names)),
        cost=cost,
    )


def _choices(vms: Sequence[Vm], alone: list[Vm]) -> list[tuple[int, int, list[Vm]]]:
    """(vCPUs of manual VMs left out, vCPUs left out, the VMs taken), the best first."""
    found = []
    for size in range(len(alone), -1, -1):
        for chosen in combinations(alone, size):
            out = [vm for vm in vms if vm not in chosen]
            manual = sum(vm.cpu.max for vm in out if vm.pin.strategy == "manual")
            found.append((manual, sum(vm.cpu.max for vm in out), list(chosen)))
    return sorted(found, key=lambda choice: choice[:2])


def _search(vms: list[Vm], problem: Problem, left_out: int) -> _Record:
    record = _Record()
    order = sorted(vms, key=lambda vm: (vm.pin.strategy != "manual", -len(dedicated(vm)), vm.name))
    least = [cost for vm in order if (cost := _least(vm, problem)) is not None]
    if len(least) == len(order):
        rest = [tuple(map(sum, zip(*least[n:], strict=True))) for n in range(len(order))]
        _extend(_Fleet(order=order, rest=rest, left_out=left_out), problem, (), record)
    return record


def _least(vm: Vm, problem: Problem) -> Cost | None:
    """The least one VM costs on the empty host; the last entry is no sum over VMs, so 0."""
    own = [price([s], 0, problem.host) for s in seatings(vm, (), problem)]
    return (*min(own)[:-1], 0) if own else None


def _extend(fleet: _Fleet, problem: Problem, taken: tuple[Seating, ...], record: _Record) -> None:
    """Try every placement of the next VM, the cheapest first."""
    order, rest = fleet.order, fleet.rest
    if len(taken) == len(order):
        cost = price(taken, fleet.left_out, problem.host)
        if record.cost is None or cost < record.cost:
            record.cost, record.seatings = cost, taken
        return
    tries: list[tuple[Cost, int, tuple[Seating, ...]]] = []
    for seating in seatings(order[len(taken)], taken, problem):
        now = (*taken, seating)
        cost = price(now, fleet.left_out, problem.host)
        key = _key(now, problem)
        if key not in record.seen or cost < record.seen[key]:
            record.seen[key] = cost
            tries.append((cost, len(tries), now))
    for cost, _, now in sorted(tries, key=lambda one: one[:2]):
        later = rest[len(now)] if len(now) < len(rest) else (0,) * len(cost)
        bound = tuple(a + b for a, b in zip(cost, later, strict=True))
        if record.cost is None or bound < record.cost:
            _extend(fleet, problem, now, record)


def _key(taken: tuple[Seating, ...], problem: Problem) -> Hashable:
    """All that the VMs still to come can see of those that sit already."""
    marks: dict[Core, list[tuple[tuple[bool, ...], bool, str]]] = defaultdict(list)
    for s in taken:
        soft = s.vm.pin.threads == "prefer"
        for cpu in s.vcpus.values():
            mark = (problem.sign(cpu), soft, "vcpu")
            marks[problem.host.core_of[cpu]].append(mark)
        for cpu in s.extras:
            mark = (problem.sign(cpu), soft, "extra")
            marks[problem.host.core_of[cpu]].append(mark)
    cores = Counter((kind, tuple(sorted(marks[core]))) for core, kind in problem.kinds.items())
    items = Counter(item for s in taken for item in items_of(s, problem.host))
    floats = tuple(tuple(sorted(s.nodes.items(), key=str)) for s in taken)
    return (len(taken), frozenset(cores.items()), frozenset(items.items()), floats)
