"""The search's frozen input: cores as counts in classes, and what is left of everything else.

Cores that have the same node, level 3 cache, and the same free thread positions for every VM are
alike; the search moves numbers of them, never single CPUs. `assign` turns numbers into CPUs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvmc.planner.demand import Demand

FRESH, OPEN, OWN, MIXED = 0, 1, 2, 3
"""A core nobody is on; one with tenants that lets more in; one that only the VM in hand is on; one
that the VM in hand shares with others."""

MOST_CORES = 64
"""Hosts of more are planned in counts alone; placements are not tried one by one."""
BRIEF = 2_000
"""Placements tried beside packing, or before it: a tenth of a second of Python."""


class Bin(NamedTuple):
    """A level 3 cache's part of a node (SNC may cut a cache); None where unknown."""

    node: int | None
    l3: int | None

    @property
    def cache(self) -> tuple[str, int | None]:
        """What counts as one last-level cache: the L3, or the cores of a node that have none."""
        return ("node", self.node) if self.l3 is None else ("l3", self.l3)


class CoreClass(NamedTuple):
    """A class of like cores. `free` has one bit mask of thread positions for each view."""

    bin: int
    free: tuple[int, ...]
    status: int


class Item(NamedTuple):
    """Units of one width put on cores of one class, on the thread positions `mask`, one a core."""

    core_class: CoreClass
    mask: int
    number: int


class Unbound(NamedTuple):
    """A group whose memory should be on the nodes of its vCPUs, but need not be."""

    vm: str
    cell: int
    nodes: tuple[int, ...]
    memory_kib: int
    page_kib: int | None


class State(Struct, frozen=True, kw_only=True):
    """What is left: the part of the problem that every placement changes. Never mutated."""

    cores: Mapping[CoreClass, int]
    memory: Mapping[int, int]
    """Node -> KiB of normal memory; nodes of unknown memory are absent."""
    pages: Mapping[tuple[int, int], int]
    """(node, page size in KiB) -> pages."""
    pool: Mapping[int, int]
    """Page size in KiB -> pages left on the whole host."""
    floats: Mapping[int, int]
    """Node -> shared vCPUs that its shared CPUs still carry."""
    all_floats: int
    """Shared vCPUs that all shared CPUs still carry."""
    touched: frozenset[int]
    """Bins with a dedicated CPU of anyone."""
    unbound: tuple[Unbound, ...] = ()
    """Groups with dedicated vCPUs whose memory no rule binds, by VM name and cell."""


class Problem(Struct, frozen=True, kw_only=True):
    """All VMs of a host to be placed together."""

    bins: tuple[Bin, ...]
    nodes: tuple[int | None, ...]
    """Node ids ascending; None last, for cores that belong to no node."""
    core_of: Mapping[CoreClass, tuple[int, ...]]
    """Class -> the cores in it at the start, as indexes into the host's cores."""
    start: State
    demands: tuple[Demand, ...]
    """In the order in which they are placed."""
    view: tuple[int, ...]
    """Demand -> index into `CoreClass.free`: VMs with the same candidates share a view."""
    distances: Mapping[tuple[int, int], int]
    wide: frozenset[int]
    """Bins whose level 3 cache reaches into other bins."""
    sharing: bool
    """core_sharing: allow."""
    budget: int
    """Placements tried before giving up."""

    def brief(self) -> Problem:
        """Return the problem with no more steps than are taken beside packing."""
        return replace(self, budget=min(self.budget, BRIEF))

    def only(self, numbers: Sequence[int]) -> Problem:
        """Return the problem of placing some of the VMs."""
        return replace(
            self,
            demands=tuple([self.demands[n] for n in numbers]),
            view=tuple([self.view[n] for n in numbers]),
        )


class GroupPlacement(NamedTuple):
    """Where one group of a VM goes: the cut used, its units by width, and its node."""

    cut: int
    items: tuple[tuple[int, tuple[Item, ...]], ...]
    """(width, items) in the order of the cut's widths."""
    node: int | None
    """The host node of a group kept together; None where it is spread or floats."""


class VmPlacement(NamedTuple):
    """Where one VM goes, in counts."""

    variant: int
    groups: tuple[GroupPlacement, ...]
    extra: tuple[tuple[int, tuple[Item, ...]], ...]
    """Isolated emulator and I/O threads, like GroupPlacement.items."""


class Cost(NamedTuple):
    """The preferences of docs/planner.md, compared from left to right."""

    left_out: int = 0
    moved: int = 0
    shared: int = 0
    split: int = 0
    nodes: int = 0
    memory: int = 0
    caches: int = 0
    distance: int = 0
    fragments: int = 0


class Solution(Struct, frozen=True, kw_only=True):
    """The search's frozen output, one placement a demand; None: not placed."""

    placements: tuple[VmPlacement | None, ...]
    order: tuple[int, ...]
    """The demands that are placed, in the order in which cores are taken."""
    cost: Cost
    final: State
    complete: bool
    """Whether every possibility was tried or ruled out: the answer is proven."""
    alone: frozenset[str] = frozenset()
    """VMs that do not fit even alone, which is proven of each whatever is not of the others."""


def widened(problem: Problem, numbers: Sequence[int], found: Solution) -> Solution:
    """Return a solution for some of the VMs as one for all: the others are left out."""
    placements = dict(zip(numbers, found.placements, strict=True))
    every = range(len(problem.demands))
    left = sum([problem.demands[n].vm.cpu.max for n in every if n not in placements])
    return replace(
        found,
        placements=tuple([placements.get(n) for n in every]),
        order=tuple([numbers[n] for n in found.order]),
        cost=found.cost._replace(left_out=found.cost.left_out + left),
    )
