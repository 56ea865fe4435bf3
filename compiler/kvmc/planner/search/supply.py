"""What a host has to give, as vectors: the numbers that decide whether VMs fit on a node.

Cores of one *type* have the same free threads for every VM. A VM may use some types and not others,
so one count of free cores is not enough. By Hall's theorem (P. Hall, "On representatives of
subsets", 1935) units fit on cores exactly when for every set of types the units that can go nowhere
else are no more than the cores in it, and only unions of the sets that some unit asks for need
looking at. Those unions are the first dimensions of every vector here; memory, pages of each size
and floating vCPUs are the rest. On a plain host there is a single union: all cores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.planner.problem import FRESH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.demand import Demand, Group
    from kvmc.planner.problem import Problem

Vector = tuple[int, ...]

PLENTY = 1 << 60
"""Stands for what is not known, and so not checked."""

_MOST_UNIONS = 32

Kind = tuple[int, int, bool]
"""(view, unit width, may join used cores)."""


class Supply(Struct, frozen=True):
    """The dimensions and what each bin and node has of them."""

    types: dict[tuple[tuple[int, ...], int], int]
    """(free masks, status) -> type."""
    sets: dict[Kind, int]
    """Kind of unit -> the types it fits, one bit a type."""
    unions: tuple[int, ...]
    threads: tuple[int, ...]
    """Type -> how much of a dimension a core counts: its threads where cores are shared, or 1."""
    sizes: tuple[int, ...]
    """Page sizes in KiB, ascending."""
    bins: tuple[Vector, ...]
    """Bin -> cores (or threads) in each union."""
    nodes: tuple[Vector, ...]
    """Node -> the same, then memory in KiB, pages of each size, floating vCPUs."""
    exact: bool
    """Whether fitting by these numbers is enough, not only needed."""
    cores: int
    """The number of dimensions that count cores: one a union."""

    def weigh(self, kind: Kind, amount: int) -> Vector:
        """Return what so many units (threads, where shared) of a kind take of the unions."""
        mine = self.sets[kind]
        return tuple([amount if mine | union == union else 0 for union in self.unions])


def supply_of(problem: Problem) -> Supply:
    """Return what there is to give at the start of a problem."""
    types: dict[tuple[tuple[int, ...], int], int] = {}
    for core_class in problem.start.cores:
        types.setdefault((core_class.free, core_class.status), len(types))
    sets = _sets(problem, types)
    unions, all_of_them = _unions(set(sets.values()) - {0})
    weights = tuple(
        max(mask.bit_count() for mask in free) if problem.sharing else 1 for free, _ in types
    )
    bins = _of_bins(problem, types, unions, weights)
    asked = {g.page_kib for d in problem.demands for g in d.groups if g.page_kib is not None}
    sizes = tuple(sorted(asked | {size for _, size in problem.start.pages}))
    return Supply(
        types=types,
        sets=sets,
        unions=unions,
        threads=weights,
        sizes=sizes,
        bins=bins,
        nodes=_of_nodes(problem, bins, sizes, len(unions)),
        exact=all_of_them and (not problem.sharing or len(types) == 1),
        cores=len(unions),
    )


def above(supply: Supply) -> list[list[int]]:
    """Return, for each union of core types, the unions that contain it."""
    return [
        [v for v, other in enumerate(supply.unions) if other | union == other]
        for union in supply.unions
    ]


def closed(above: Sequence[Sequence[int]], left: Sequence[int]) -> Vector:
    """Return what is left for units that may go anywhere else too: the least of what contains it.

    A core of a wide union may be the scarce one of a narrow union, so taking the one may take the
    other.
    """
    return tuple([min([left[v] for v in containing]) for containing in above])


def _sets(problem: Problem, types: dict[tuple[tuple[int, ...], int], int]) -> dict[Kind, int]:
    """Return the types that each kind of unit fits; demands of one shape are asked once."""
    found: dict[Kind, int] = {}
    seen = set()
    for demand, view in zip(problem.demands, problem.view, strict=True):
        shape = (view, id(demand.variants), demand.prefers, demand.extra)
        if shape not in seen:
            seen.add(shape)
            for kind in kinds(demand, view):
                if kind not in found:
                    found[kind] = _set(problem, types, kind)
    return found


def kinds(demand: Demand, view: int) -> set[Kind]:
    """Return every kind of unit that a demand may ask for."""
    joins = demand.prefers
    found = {
        (view, width, joins)
        for variant in demand.variants
        for cuts in variant.cuts
        for cut in cuts
        for width, _ in cut.widths
    }
    if demand.extra:
        found |= {(view, width, False) for width in range(1, demand.extra + 1)}
    if joins and demand.groups:
        found.add((view, 1, True))
    return found


def takes(supply: Supply, group: Group) -> Vector:
    """Return what a bound group takes of a node beside cores."""
    own = group.page_kib
    if not supply.sizes:
        return (0 if own else group.memory_kib, group.floats)
    pages = [group.memory_kib // own if own == size and own else 0 for size in supply.sizes]
    return (0 if own else group.memory_kib, *pages, group.floats)


def _set(problem: Problem, types: dict[tuple[tuple[int, ...], int], int], kind: Kind) -> int:
    view, width, joins = kind
    found = 0
    for (free, status), number in types.items():
        usable = status == FRESH or (joins and problem.sharing)
        if usable and free[view].bit_count() >= width:
            found |= 1 << number
    return found


def _unions(sets: set[int]) -> tuple[tuple[int, ...], bool]:
    """Return all unions of the sets, and whether they are all; the sets alone where too many."""
    found = set(sets)
    for one in sorted(sets):
        found |= {one | other for other in found}
        if len(found) > _MOST_UNIONS:
            every = 0
            for other in sets:
                every |= other
            return tuple(sorted({*sets, every})), False
    return tuple(sorted(found)), True


def _of_bins(
    problem: Problem,
    types: dict[tuple[tuple[int, ...], int], int],
    unions: tuple[int, ...],
    weights: tuple[int, ...],
) -> tuple[Vector, ...]:
    found = [[0] * len(unions) for _ in problem.bins]
    for core_class, count in problem.start.cores.items():
        number = types[core_class.free, core_class.status]
        for u, union in enumerate(unions):
            if union >> number & 1:
                found[core_class.bin][u] += count * weights[number]
    return tuple(tuple(one) for one in found)


def _of_nodes(
    problem: Problem, bins: tuple[Vector, ...], sizes: tuple[int, ...], width: int
) -> tuple[Vector, ...]:
    start = problem.start
    cores = {node: [0] * width for node in problem.nodes}
    for where, has in zip(problem.bins, bins, strict=True):
        mine = cores[where.node]
        for u, count in enumerate(has):
            mine[u] += count
    found = []
    for node in problem.nodes:
        if node is None:
            rest = [0] * (len(sizes) + 2)
        else:
            pages = [start.pages.get((node, size), 0) for size in sizes]
            rest = [start.memory.get(node, PLENTY), *pages, start.floats.get(node, 0)]
        found.append((*cores[node], *rest))
    return tuple(found)
