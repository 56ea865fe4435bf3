"""What is free on each node and cache while locked VMs go and come back: numbers only.

The numbers are necessary and not always sufficient: what they rule out is impossible, and what they
allow is for the search to try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmc.planner.problem import CoreClass
    from kvmc.planner.search.supply import Supply, Vector


class Spot(NamedTuple):
    """A node by its place in Problem.nodes, and a bin where a rule asks for one cache, or -1."""

    node: int
    bin: int


class Need(NamedTuple):
    """One piece that a rule keeps on a node or in a cache."""

    vm: int
    group: int
    options: tuple[Vector, ...]
    """What it may take of a node, whole cores last."""
    bound: bool
    cached: bool
    size: float
    after: int
    """The group of the same VM that asks for the same and takes the lower node; -1 for none."""


class Lease(Struct):
    """What a kept VM has."""

    vm: int
    nodes: dict[int, list[int]] = {}
    bins: dict[int, list[int]] = {}
    cores: list[tuple[int, int, int]] = []
    """(core, node, type) of cores that are whole once nobody is on them."""
    classes: dict[CoreClass, int] = {}
    """How many cores of each class it is on."""


class Rooms(Struct):
    """The numbers of a host at one moment of the hunt for movers."""

    supply: Supply
    spots_of: dict[bool, list[Spot]]
    """Whether a cache is asked for -> every spot there is."""
    left: list[list[int]]
    bins: list[list[int]]
    needs: dict[int, tuple[Need, ...]]
    loose: dict[int, Vector]
    """VM -> what it takes anywhere, of unions and of whole cores."""
    leases: dict[str, Lease]
    """Of the VMs that may move, small ones first."""
    new: frozenset[int]
    """The VMs that are not kept."""
    wanted: list[int]
    """What VMs without a place take anywhere."""
    users: dict[int, int] = {}
    """Core -> the kept VMs on it, where cores are shared."""
    on: dict[int, list[str]] = {}
    """Node -> the VMs that may move from there."""
    domains: dict[tuple[int, int], list[Spot]] = {}
    at: dict[tuple[int, int], Spot] = {}

    @property
    def movable(self) -> tuple[str, ...]:
        """The kept VMs that may move, small ones first."""
        return tuple(self.leases)

    def seeking(self) -> tuple[Need, ...]:
        """Return the needs of all VMs that are not kept, the largest first."""
        return _sorted(need for vm in self.new for need in self.needs[vm])

    def with_needs(self, rest: Iterable[Need], names: Iterable[str]) -> tuple[Need, ...]:
        """Return needs with those of VMs that have to move, the largest first."""
        return _sorted([*rest, *(n for name in names for n in self.needs[self.leases[name].vm])])

    def settled(self) -> tuple[object, ...]:
        """Return who has been put where."""
        return tuple(sorted(self.at.items()))

    def spots(self, need: Need) -> list[Spot]:
        """Return the spots that a need may still have, were there room."""
        taken = {spot.node for (vm, _), spot in self.at.items() if vm == need.vm}
        least = self.at.get((need.vm, need.after), Spot(-1, -1))
        return [
            spot
            for spot in self.domains[need.vm, need.group]
            if spot >= least and not (need.bound and spot.node in taken)
        ]

    def holds(self, spot: Spot, option: Vector) -> bool:
        """Whether there is room on a spot."""
        return fits(option, spot, self.left, self.bins)

    def likeness(self, name: str) -> object:
        """Return the same for VMs that are on like cores, alone there, and ask for the same."""
        lease = self.leases[name]
        if any(self.users[core] > 1 for core, _, _ in lease.cores):
            return name
        has = [tuple(sorted((n, *use) for n, use in p.items())) for p in (lease.nodes, lease.bins)]
        wants = [need[2:] for need in self.needs[lease.vm]]
        return *has, tuple(sorted(lease.classes.items())), tuple(wants), self.loose[lease.vm]

    def takes_in(self, need: Need) -> bool:
        """Whether there is room for a need as things are."""
        spots = self.domains[need.vm, need.group]
        return any(self.holds(spot, option) for spot in spots for option in need.options)

    def put(self, need: Need, spot: Spot, option: Vector) -> None:
        """Set a piece down."""
        self.at[need.vm, need.group] = spot
        self._book(spot, option, -1)

    def lift(self, need: Need, spot: Spot, option: Vector) -> None:
        """Take a piece up again."""
        del self.at[need.vm, need.group]
        self._book(spot, option, 1)

    def _book(self, spot: Spot, option: Vector, sign: int) -> None:
        add(self.left[spot.node], option, sign)
        if spot.bin >= 0:
            add(self.bins[spot.bin], option[: self.supply.cores], sign)

    def free(self, name: str) -> None:
        """Let a kept VM go: it needs another place."""
        self._turn(self.leases[name], 1)

    def keep(self, name: str) -> None:
        """Put a kept VM back to where it was."""
        self._turn(self.leases[name], -1)

    def _turn(self, lease: Lease, sign: int) -> None:
        for node, use in lease.nodes.items():
            add(self.left[node], use, sign)
        for where, use in lease.bins.items():
            add(self.bins[where], use, sign)
        for core, node, kind in lease.cores:
            before = self.users.get(core, 0)
            self.users[core] = before - sign
            if 0 in (before, before - sign):
                _add_whole(self.supply, self.left[node], kind, sign)
        add(self.wanted, self.loose[lease.vm], sign)

    def lacking(self, spot: Spot, option: Vector) -> tuple[dict[int, int], dict[int, int]]:
        """Return dimension -> what lacks for an option, on the node and in the cache."""
        node = _lack(option, self.left[spot.node])
        cache = _lack(option[: self.supply.cores], self.bins[spot.bin]) if spot.bin >= 0 else {}
        return node, cache

    def helping(self, spot: Spot, lacking: tuple[dict[int, int], dict[int, int]]) -> list[str]:
        """Return the VMs that have something of what lacks on a spot."""
        if not self.on:
            for name, lease in self.leases.items():
                for node in lease.nodes:
                    self.on.setdefault(node, []).append(name)
        return [
            name
            for name in self.on.get(spot.node, ())
            if any(self._gain(self.leases[name], spot, n, d) for n in (0, 1) for d in lacking[n])
        ]

    def least_helpers(
        self, spot: Spot, lacking: tuple[dict[int, int], dict[int, int]], names: Sequence[str]
    ) -> int:
        """Return how many of some VMs must go at the least; more than there are: never enough."""
        least = 1
        for part, lacks in enumerate(lacking):
            for d, lack in lacks.items():
                gains = sorted([-self._gain(self.leases[n], spot, part, d) for n in names])
                count, total = 0, 0
                while total < lack and count < len(gains):
                    total -= gains[count]
                    count += 1
                least = max(least, count if total >= lack else len(names) + 1)
        return least

    def _gain(self, lease: Lease, spot: Spot, part: int, d: int) -> int:
        """Return what becomes free at the most of one dimension when a VM goes."""
        if part:
            use = lease.bins.get(spot.bin)
            return use[d] if use else 0
        whole = d - len(self.supply.nodes[0])
        if whole >= 0:
            union = self.supply.unions[whole]
            return sum(node == spot.node and union >> kind & 1 for _, node, kind in lease.cores)
        use = lease.nodes.get(spot.node)
        return use[d] if use else 0

    def holds_loose(self) -> bool:
        """Whether the sums over the host hold what no rule binds to a node."""
        size, cores = len(self.supply.nodes[0]), self.supply.cores
        dims = [*range(cores), *range(size, len(self.left[0]))]
        return all(
            sum([left[d] for left in self.left]) >= want
            for d, want in zip(dims, self.wanted, strict=True)
        )


def _sorted(needs: Iterable[Need]) -> tuple[Need, ...]:
    return tuple(sorted(needs, key=lambda need: (-need.size, need.vm, need.group)))


def fits(option: Vector, spot: Spot, nodes: list[list[int]], bins: list[list[int]]) -> bool:
    """Whether an option fits what is left of a spot's node, and of its cache where it has one."""
    for need, have in zip(option, nodes[spot.node], strict=True):
        if need > have:
            return False
    if spot.bin < 0:
        return True
    return all(need <= have for need, have in zip(option, bins[spot.bin], strict=False))


def _lack(option: Sequence[int], left: Sequence[int]) -> dict[int, int]:
    return {d: n - have for d, (n, have) in enumerate(zip(option, left, strict=True)) if n > have}


def add(left: list[int], use: Sequence[int], sign: int) -> None:
    """Add to what is left, or with a sign of -1 take away from it."""
    for d, amount in enumerate(use):
        left[d] += sign * amount


def _add_whole(supply: Supply, left: list[int], kind: int, sign: int) -> None:
    for u, union in enumerate(supply.unions, len(supply.nodes[0])):
        left[u] += sign * (union >> kind & 1)
