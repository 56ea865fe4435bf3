"""Groups of vCPUs as the packer sees them: what each takes at least, and at best.

A `prefer` VM of n vCPUs may do with half as many cores, and is happier with n. Only cuts that no
other cut beats in every dimension matter for whether things fit (dominance: S. Martello and P.
Toth, "Knapsack Problems", 1990, chapter 8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from kvmc.planner.search.supply import takes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.cuts import Cut
    from kvmc.planner.demand import Demand
    from kvmc.planner.problem import Problem
    from kvmc.planner.search.supply import Kind, Supply, Vector


class Choice(NamedTuple):
    """One way to cut a group, and what it takes of each union of core types."""

    cores: Vector
    variant: int
    cut: int
    units: int
    """How many units, that is cores."""


class Piece(Struct, frozen=True):
    """One group of one VM."""

    vm: int
    group: int
    bound: bool
    """Whether a rule keeps it, with its memory, on one node."""
    cached: bool
    """Whether a rule keeps it, and it takes any cores, within one level 3 cache."""
    lean: tuple[Choice, ...]
    """The choices that no other beats; () where no core type will do."""
    best: Choice
    """The choice with the fewest shared siblings and split guest cores."""
    beside: Vector
    """Memory, pages and floating vCPUs: a rule where bound, else a wish."""
    ladder: tuple[Choice, ...] = ()
    """For each number of cores the best choice, fewest cores first."""


_Choices = tuple[tuple[Choice, ...], Choice, tuple[Choice, ...]]


class Order(Struct, frozen=True):
    """Everything one VM asks for."""

    vm: int
    pieces: tuple[Piece, ...]
    extra: Vector
    """What isolated emulator and I/O threads take of the unions, anywhere."""
    extra_widths: tuple[tuple[int, int], ...]
    """(width, cores) for them."""
    sound: bool
    """Whether it can do with no less than `lean` and `extra` say."""
    crowded: int
    """Siblings that it shares at its best."""


def orders_of(problem: Problem, supply: Supply) -> list[Order]:
    """Return the orders of all VMs; the arithmetic of a shape that repeats is done once."""
    known: dict[object, tuple[tuple[_Choices, ...], int]] = {}
    found = []
    nothing = (0,) * supply.cores
    for index, (demand, view) in enumerate(zip(problem.demands, problem.view, strict=True)):
        groups = demand.groups
        # `demands_of` gives the same variants to all VMs of a shape; cells are bound all alike.
        first = (groups[0].bound, groups[0].one_cache) if groups else None
        key = (view, demand.prefers, id(demand.variants), first)
        shape = known.get(key)
        if shape is None:
            choices = _choices(problem, supply, demand, view)
            shape = known[key] = choices, _crowded(demand, choices)
        choices, crowded = shape
        pieces = [
            Piece(index, n, g.bound, g.in_cache, lean, best, takes(supply, g), ladder)
            for n, (g, (lean, best, ladder)) in enumerate(zip(groups, choices, strict=True))
        ]
        widths, extra = _extra(supply, demand, view) if demand.extra else ((), nothing)
        sound = _is_sound(problem, demand)
        found.append(Order(index, tuple(pieces), extra, widths, sound, crowded))
    return found


def _crowded(demand: Demand, choices: Sequence[_Choices]) -> int:
    """Return how many siblings a VM shares at its best."""
    bests = [(group, best) for group, (_, best, _) in enumerate(choices) if best.units]
    return sum([demand.variants[b.variant].cuts[group][b.cut].shared for group, b in bests])


def _is_sound(problem: Problem, demand: Demand) -> bool:
    """Whether nothing of the VM can squeeze in beside itself in ways that are not counted."""
    if problem.sharing or not demand.prefers:
        return True
    apart = [group for group in demand.groups if group.dedicated and not group.bound]
    return not demand.extra and len(apart) <= 1


def _choices(problem: Problem, supply: Supply, demand: Demand, view: int) -> tuple[_Choices, ...]:
    """Return the lean choices, the best one and the ladder of each group; cells: one variant."""
    found = []
    needs = _units(problem, supply, demand, view)
    several = len(demand.groups) > 1
    variant = _variant_for_all(supply, demand, view) if several else None
    for number in range(len(demand.groups)):
        every = [
            choice
            for v, cuts in enumerate(demand.variants)
            if variant is None or v == variant
            for choice in _weighed(supply, needs, v, cuts.cuts[number])
        ]
        if len(every) == 1:
            only = tuple(every)
            found.append((only, every[0], only))
            continue
        group = demand.groups[number]
        places = supply.bins if group.one_cache else supply.nodes if group.bound else ()
        first = every[0] if every else Choice((0,) * supply.cores, 0, 0, 0)
        best = next((one for one in every if not places or _fits_some(one, places)), first)
        steps: dict[int, Choice] = {}
        for one in every:
            if one.variant == best.variant:
                steps.setdefault(one.units, one)
        ladder = tuple([steps[units] for units in sorted(steps)])
        found.append((_undominated(every), best, ladder))
    return tuple(found)


def _fits_some(choice: Choice, places: tuple[Vector, ...]) -> bool:
    """Whether some node or cache has the cores, were it empty."""
    for place in places:
        for need, have in zip(choice.cores, place, strict=False):
            if need > have:
                break
        else:
            return True
    return False


def _variant_for_all(supply: Supply, demand: Demand, view: int) -> int:
    """Return the first variant of which every group has a cut that fits some core type."""
    for number, variant in enumerate(demand.variants):
        if all(
            any(all(supply.sets[view, w, demand.prefers] for w, _ in cut.widths) for cut in cuts)
            for cuts in variant.cuts
        ):
            return number
    return len(demand.variants) - 1


def _units(problem: Problem, supply: Supply, demand: Demand, view: int) -> dict[int, Vector]:
    """Return what one unit of each width takes of the unions; no entry where no type will do."""
    widths = {
        width
        for variant in demand.variants
        for cuts in variant.cuts
        for cut in cuts
        for width, _ in cut.widths
    }
    found: dict[int, Vector] = {}
    for width in widths:
        kind: Kind = (view, width, demand.prefers)
        if not supply.sets[kind]:
            continue
        if problem.sharing and demand.prefers:
            found[width] = supply.weigh((view, 1, True), width)
        else:
            found[width] = supply.weigh(kind, _least(supply, kind) if problem.sharing else 1)
    return found


def _weighed(
    supply: Supply, needs: dict[int, Vector], variant: int, cuts: tuple[Cut, ...]
) -> list[Choice]:
    """Return the choices of a group in one variant, in the order of its cuts, best first."""
    found = []
    for number, cut in enumerate(cuts):
        total = [0] * supply.cores
        for width, count in cut.widths:
            if width not in needs:
                break
            for u, need in enumerate(needs[width]):
                total[u] += count * need
        else:
            found.append(Choice(tuple(total), variant, number, cut.count))
    return found


def _least(supply: Supply, kind: Kind) -> int:
    mine = supply.sets[kind]
    return min(w for number, w in enumerate(supply.threads) if mine >> number & 1)


def _sum(supply: Supply, needs: list[tuple[Kind, int]]) -> Vector:
    total = (0,) * supply.cores
    for kind, amount in needs:
        total = tuple([a + b for a, b in zip(total, supply.weigh(kind, amount), strict=True)])
    return total


def _undominated(choices: list[Choice]) -> tuple[Choice, ...]:
    """Return the choices that no other beats; of equal ones the one on the fewest cores."""
    kept: list[Choice] = []
    if choices and len(choices[0].cores) == 1:
        # Of single numbers the least beats all others.
        return (choices[min([(c.cores, c.units, n) for n, c in enumerate(choices)])[2]],)
    ranked = sorted(choices, key=lambda c: (sum(c.cores), c.units))
    for one in ranked:
        if not any(all(a <= b for a, b in zip(k.cores, one.cores, strict=True)) for k in kept):
            kept.append(one)
    return tuple(kept)


def _extra(supply: Supply, demand: Demand, view: int) -> tuple[tuple[tuple[int, int], ...], Vector]:
    """Return how isolated threads share cores with each other, and what that takes."""
    sets = supply.sets
    widest = max((w for w in range(1, demand.extra + 1) if sets[view, w, False]), default=1)
    full, rest = divmod(demand.extra, widest)
    widths = ((widest, full), *(((rest, 1),) if rest else ()))
    needs: list[tuple[Kind, int]] = [((view, w, False), n) for w, n in widths if n]
    return tuple((w, n) for w, n in widths if n), _sum(supply, needs)
