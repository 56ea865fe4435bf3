"""From counts to CPUs: replays a solution and names the lowest free cores of each class."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.planner.demand import isolated_threads
from kvmc.planner.problem import MIXED, OPEN, OWN, CoreClass
from kvmc.planner.search.after import after_joining
from kvmc.planner.search.chains import EXTRA, chained, parts_of, places_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Host
    from kvmc.planner.cuts import Cut
    from kvmc.planner.demand import Demand
    from kvmc.planner.problem import Item, Problem, Solution
    from kvmc.planner.search.chains import Drawn


class Seats(Struct, frozen=True, kw_only=True):
    """The CPUs of one VM: one for each dedicated vCPU, and those of its isolated threads."""

    vcpus: dict[int, int]
    """vCPU -> host CPU."""
    extra: tuple[int, ...]
    """Ascending CPUs for the isolated emulator and I/O threads."""


def assign(host: Host, problem: Problem, solution: Solution) -> dict[str, Seats]:
    """Return the seats of every placed VM by name."""
    drawn = _replayed(host, problem, solution) or chained(host, problem, solution)
    seats: dict[str, Seats] = {}
    alike: dict[tuple[int, int], Sequence[int]] = {}
    for number in solution.order:
        demand, placement = problem.demands[number], solution.placements[number]
        if placement is None:
            continue
        vcpus: dict[int, int] = {}
        cuts = demand.variants[placement.variant].cuts
        for index, (group, choices) in enumerate(zip(placement.groups, cuts, strict=True)):
            cut = choices[group.cut]
            for width, _ in group.items:
                units = alike.get((id(cut), width))
                if units is None:
                    units = alike[id(cut), width] = _in_order(cut, width)
                # Units in vCPU order on cores in CPU order; threads in the order of siblings.
                places = sorted(drawn[number, index, width])
                vcpus.update(zip(units, chain.from_iterable(places), strict=True))
        extra = [c for width, _ in placement.extra for p in drawn[number, EXTRA, width] for c in p]
        if isolated_threads(demand.vm) > demand.extra:
            extra += [vcpus.pop(thread) for thread in _tucked_in(demand, vcpus)]
        seats[demand.vm.name] = Seats(vcpus=vcpus, extra=tuple(sorted(extra)) if extra else ())
    return seats


def _replayed(host: Host, problem: Problem, solution: Solution) -> Drawn | None:
    """Draw cores VM by VM; None where one joins a core that another opens only later."""
    stock = {key: list(cores) for key, cores in problem.core_of.items()}
    drawn: Drawn = {}
    for number in solution.order:
        demand, placement = problem.demands[number], solution.placements[number]
        if placement is None:
            continue
        for index, width, items in parts_of(placement):
            for item in items:
                if len(stock.get(item.core_class, ())) < item.number:
                    return None
            closes = index == EXTRA
            drawn[number, index, width] = _draw(host, demand, stock, items, closes=closes)
        if demand.prefers:
            _close(problem, stock)
    return drawn


def _in_order(cut: Cut, width: int) -> Sequence[int]:
    """Return the vCPUs of the units of one width, unit after unit."""
    if cut.widths[0][1] == cut.count and not (cut.shared or cut.split):
        return cut.vcpus  # guest cores as they are, or one by one
    return [vcpu for unit in sorted(cut.units()) if len(unit) == width for vcpu in unit]


def _tucked_in(demand: Demand, vcpus: dict[int, int]) -> list[int]:
    """Return the isolated threads among the vCPUs (see `tucked`)."""
    return [vcpu for vcpu in vcpus if vcpu >= demand.vm.cpu.max]


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
    places: list[tuple[int, ...]] = []
    for core_class, mask, count in items:
        cores = stock[core_class]
        taken = cores[:count]
        del cores[:count]
        places += places_on(host, taken, mask)
        if demand.prefers and not closes:
            rest = tuple([free & ~mask for free in core_class.free])
            if any(rest):
                status = after_joining(core_class.status)
                left = stock.setdefault(CoreClass(core_class.bin, rest, status), [])
                left += taken
                left.sort()
    return places


def _close(problem: Problem, stock: dict[CoreClass, list[int]]) -> None:
    """Do what `patterns` does after a VM that prefers: its own cores become open, or are gone."""
    for key in [key for key in stock if key.status in (OWN, MIXED)]:
        cores = stock.pop(key)
        if problem.sharing:
            opened = stock.setdefault(key._replace(status=OPEN), [])
            opened += cores
            opened.sort()
