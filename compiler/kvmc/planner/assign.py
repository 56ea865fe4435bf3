"""From counts to CPUs: replays a solution and names the lowest free cores of each class."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvmc.planner.patterns import after_joining
from kvmc.planner.problem import MIXED, OPEN, OWN, CoreClass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Host
    from kvmc.planner.demand import Demand
    from kvmc.planner.problem import Item, Problem, Solution


@dataclass(frozen=True, slots=True, kw_only=True)
class Seats:
    """The CPUs of one VM: one for each dedicated vCPU, and those of its isolated threads."""

    vcpus: dict[int, int]
    """vCPU -> host CPU."""
    extra: tuple[int, ...]
    """Ascending CPUs for the isolated emulator and I/O threads."""


def assign(host: Host, problem: Problem, solution: Solution) -> dict[str, Seats]:
    """Return the seats of every placed VM by name."""
    stock = {key: list(cores) for key, cores in problem.core_of.items()}
    seats: dict[str, Seats] = {}
    for number in solution.order:
        demand, placement = problem.demands[number], solution.placements[number]
        if placement is None:
            continue
        vcpus: dict[int, int] = {}
        cuts = demand.variants[placement.variant].cuts
        for group, choices in zip(placement.groups, cuts, strict=True):
            for width, items in group.items:
                places = _draw(host, demand, stock, items)
                units = [u for u in choices[group.cut].units() if len(u) == width]
                vcpus.update(_pair(units, places))
        extra = [
            cpu
            for _, items in placement.extra
            for cpus in _draw(host, demand, stock, items, closes=True)
            for cpu in cpus
        ]
        _close(problem, demand, stock)
        seats[demand.vm.name] = Seats(vcpus=vcpus, extra=tuple(sorted(extra)))
    return seats


def _pair(units: Sequence[tuple[int, ...]], places: Sequence[tuple[int, ...]]) -> dict[int, int]:
    """Seat units in vCPU order on cores in CPU order; threads in the order of siblings."""
    return {
        vcpu: cpu
        for unit, cpus in zip(sorted(units), sorted(places), strict=True)
        for vcpu, cpu in zip(unit, cpus, strict=True)
    }


def _draw(
    host: Host,
    demand: Demand,
    stock: dict[CoreClass, list[int]],
    items: Sequence[Item],
    *,
    closes: bool = False,
) -> list[tuple[int, ...]]:
    """Take cores out of the stock; return the CPUs taken, a tuple a core.

    `closes` is for isolated threads, whose cores let nobody else in.
    """
    places = []
    for core_class, mask, count in items:
        for _ in range(count):
            core = stock[core_class].pop(0)
            cpus = host.cores[core].cpus
            places.append(tuple(cpu for p, cpu in enumerate(cpus) if mask >> p & 1))
            rest = tuple(free & ~mask for free in core_class.free)
            if demand.prefers and any(rest) and not closes:
                status = after_joining(core_class.status)
                insort(stock.setdefault(CoreClass(core_class.bin, rest, status), []), core)
    return places


def _close(problem: Problem, demand: Demand, stock: dict[CoreClass, list[int]]) -> None:
    """Do what `patterns` does after a VM: its own cores become open, or are gone."""
    for key in [key for key in stock if key.status in (OWN, MIXED)]:
        cores = stock.pop(key)
        if problem.sharing and demand.prefers:
            for core in cores:
                insort(stock.setdefault(key._replace(status=OPEN), []), core)
