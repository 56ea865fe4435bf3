"""Tight fleets with a known answer: a placement is drawn first, and its VMs are then asked for.

The same seed gives the same fleet on every machine. `load` is the part of the cores that the drawn
placement takes; nobody says where anything was.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.diagnostics import Place
from kvmc.host.model import Core, Host, Node, Policy
from kvmc.spec.model import Cell, Cpu, Numa, Pin, Vm

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

GIB = 1 << 20
"""In KiB."""


class Layout(Struct, frozen=True, kw_only=True):
    """A host in numbers."""

    sockets: int
    nodes: int
    """A socket."""
    caches: int
    """A node."""
    cores: int
    """A cache."""
    gib: int = 256
    """Memory of a node."""

    @property
    def width(self) -> int:
        """Cores of a node."""
        return self.caches * self.cores


LAYOUTS = {
    "2x14x2": Layout(sockets=2, nodes=1, caches=1, cores=14),
    "desktop": Layout(sockets=1, nodes=1, caches=1, cores=8),
    "epyc": Layout(sockets=2, nodes=4, caches=2, cores=8),
    "8x56x2": Layout(sockets=8, nodes=1, caches=1, cores=56),
    "snc": Layout(sockets=8, nodes=2, caches=1, cores=28),
}
"""`epyc` is 2 x 64 x 2 of Zen 3 (EPYC 7763) as NPS4: a core complex of 8 cores has one level 3
cache, and a node has two of them. Zen 2 (EPYC 7742) has caches of 4 cores."""


def host_of(name: str, **policy: Any) -> Host:
    """Return a host of two threads a core; second threads are numbered last, as Linux does."""
    layout = LAYOUTS[name]
    nodes = layout.sockets * layout.nodes
    total = nodes * layout.width
    cores = tuple(
        Core(
            cpus=(n, n + total),
            package=n // (layout.nodes * layout.width),
            node=n // layout.width,
            l3=n // layout.cores,
        )
        for n in range(total)
    )
    return Host(
        name=name,
        nodes=tuple(
            Node(
                id=n,
                memory_kib=layout.gib * GIB,
                distances=tuple((m, _far(layout, n, m)) for m in range(nodes)),
            )
            for n in range(nodes)
        ),
        cores=cores,
        policy=Policy(**policy),
    )


def _far(layout: Layout, a: int, b: int) -> int:
    if a == b:
        return 10
    return 12 if a // layout.nodes == b // layout.nodes else 32


def machine(name: str, vcpus: int, gib: int = 1, **pin: Any) -> Vm:
    """Return a dedicated VM."""
    return Vm(
        name=name,
        memory_kib=gib * GIB,
        cpu=Cpu(count=vcpus, max=vcpus),
        pin=Pin(**{"strategy": "dedicated", "threads": "require", **pin}),
        place=Place(file=f"vms/{name}.yaml"),
    )


def parts(rng: Random, total: int, sizes: tuple[int, ...]) -> list[int]:
    """Return numbers from `sizes` (1 is always possible) that add up to a total."""
    found = []
    while total > 0:
        size = min(rng.choice(sizes), total)
        found.append(size)
        total -= size
    return found


def _named(rng: Random, vms: list[Vm]) -> list[Vm]:
    """Shuffle the VMs, so that names tell nothing, and name them."""
    rng.shuffle(vms)
    return [replace(vm, name=f"vm{n:03}") for n, vm in enumerate(vms)]


def _room(rng: Random, name: str, load: float) -> list[int]:
    """Return the cores to fill on each node, unevenly where the load leaves some free."""
    layout = LAYOUTS[name]
    nodes = layout.sockets * layout.nodes
    room = [layout.width] * nodes
    for _ in range(round(nodes * layout.width * (1 - load))):
        room[rng.randrange(nodes)] -= 1
    return [max(one, 0) for one in room]


def require(rng: Random, name: str, load: float) -> list[Vm]:
    """Whole cores, each VM within a node."""
    sizes = (1, 2, 2, 3, 4, 4, 5, 6, 8, 11, 16)
    return [
        machine("", 2 * n, numa="require")
        for room in _room(rng, name, load)
        for n in parts(rng, room, sizes)
    ]


def prefer(rng: Random, name: str, load: float) -> list[Vm]:
    """Odd sizes that must share siblings: 2n-1 vCPUs on n cores, within a node or not."""
    found = []
    for room in _room(rng, name, load):
        for n in parts(rng, room, (1, 2, 2, 3, 4, 5)):
            numa = rng.choice(("require", "prefer"))
            odd = 2 * n - (rng.random() < 0.7)
            found.append(machine("", odd, threads="prefer", numa=numa))
    return found


def mixed(rng: Random, name: str, load: float) -> list[Vm]:
    """All three thread policies, bound and not."""
    found = []
    for room in _room(rng, name, load):
        for n in parts(rng, room, (1, 2, 3, 4, 6)):
            threads = rng.choice(("prefer", "require", "isolate"))
            count = n if threads == "isolate" else 2 * n
            count -= threads == "prefer" and rng.random() < 0.5
            numa = rng.choice(("require", "prefer"))
            found.append(machine("", count, threads=threads, numa=numa))
    return found


def cells(rng: Random, name: str, load: float) -> list[Vm]:
    """Guests of one to four strict cells, each cell on a node of its own."""
    room = _room(rng, name, load)
    found = []
    while any(room):
        open_nodes = [n for n, left in enumerate(room) if left]
        rng.shuffle(open_nodes)
        nodes = open_nodes[: rng.choice((1, 1, 2, 2, 3, 4))]
        sizes = [min(room[n], rng.choice((1, 2, 2, 3, 4, 7))) for n in nodes]
        for n, size in zip(nodes, sizes, strict=True):
            room[n] -= size
        found.append(celled("", [2 * size for size in sizes]))
    return found


def celled(name: str, sizes: list[int], gib: int = 1, **pin: Any) -> Vm:
    """Return a VM with one strict cell of so many vCPUs for each size."""
    vm = machine(name, sum(sizes), gib * len(sizes), **pin)
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    return replace(
        vm,
        numa=Numa(
            cells=tuple(
                Cell(id=n, cpus=CpuSet(range(start, start + size)), memory_kib=gib * GIB)
                for n, (start, size) in enumerate(zip(starts, sizes, strict=True))
            )
        ),
    )


def triplets(rng: Random, name: str, load: float) -> list[Vm]:
    """Three VMs fill a node exactly, each between a quarter and a half of it."""
    return [
        machine("", 2 * n, numa="require") for sizes in _by_three(rng, name, load) for n in sizes
    ]


def _by_three(rng: Random, name: str, load: float) -> list[list[int]]:
    """Return the sizes of three VMs for each node; two or one where it has no room for three."""
    found = []
    for room in _room(rng, name, load):
        a, b = (rng.randint(room // 4 + 1, max(room // 3, room // 4 + 1)) for _ in "ab")
        a, b = min(a, room), min(b, max(room - a, 0))
        found.append([n for n in (a, b, room - a - b) if n > 0])
    return found


def memory(rng: Random, name: str, load: float) -> list[Vm]:
    """Cores and memory run out together, on every node to the last GiB and core."""
    found = []
    for room in _room(rng, name, load):
        sizes = parts(rng, room, (1, 2, 3, 4, 6, 8))
        left = round(LAYOUTS[name].gib * load) - len(sizes)
        cuts = sorted(rng.randint(0, left) for _ in sizes[1:])
        gibs = [b - a + 1 for a, b in zip([0, *cuts], [*cuts, left], strict=True)]
        found += [
            machine("", 2 * n, gib, numa="require") for n, gib in zip(sizes, gibs, strict=True)
        ]
    return found


def memory_triplets(rng: Random, name: str, load: float) -> list[Vm]:
    """Three VMs a node that fill its cores and its memory exactly."""
    found = []
    for sizes in _by_three(rng, name, load):
        left = round(LAYOUTS[name].gib * load)
        shares = [rng.randint(left // 4, left // 3 + left // 12) for _ in sizes[1:]]
        shares = [*shares, left - sum(shares)]
        found += [
            machine("", 2 * n, gib, numa="require") for n, gib in zip(sizes, shares, strict=True)
        ]
    return found


def misleading(rng: Random, name: str, load: float) -> list[Vm]:
    """The sizes on which first-fit and best-fit decreasing lose most (D. S. Johnson, 1973)."""
    found: list[int] = []
    for room in _room(rng, name, load):
        half, quarter = room // 2, room // 4
        low = max(quarter - 2, 1)
        if rng.random() < 0.67:
            sizes = [half + 1, room - half - 1 - low, low]
        else:
            up = (room - 2 * low) // 2
            sizes = [up, room - 2 * low - up, low, low]
        found += [n for n in sizes if n > 0]
    return [machine("", 2 * n, numa="require") for n in found]


def anywhere(rng: Random, name: str, load: float) -> list[Vm]:
    """VMs that no rule binds to a node."""
    return [replace(vm, pin=replace(vm.pin, numa="prefer")) for vm in require(rng, name, load)]


def cached(rng: Random, name: str, load: float) -> list[Vm]:
    """Whole cores, each VM within one level 3 cache, bound to its node or not."""
    layout = LAYOUTS[name]
    found = []
    for node_room in _room(rng, name, load):
        for cache in range(layout.caches):
            room = max(min(layout.cores, node_room - cache * layout.cores), 0)
            for n in parts(rng, room, (1, 2, 3, 4, 5)):
                numa = rng.choice(("require", "prefer"))
                found.append(machine("", 2 * n, l3="require", numa=numa))
    return found


KINDS: dict[str, Callable[[Random, str, float], list[Vm]]] = {
    "require": require,
    "prefer": prefer,
    "mixed": mixed,
    "cells": cells,
    "triplets": triplets,
    "memory": memory,
    "memory-triplets": memory_triplets,
    "misleading": misleading,
    "anywhere": anywhere,
    "cached": cached,
}


def fleet(kind: str, name: str, load: float, seed: int) -> list[Vm]:
    """Return the fleet of a seed."""
    rng = Random(f"{kind}/{name}/{load}/{seed}")  # noqa: S311 - not for secrets
    return _named(rng, KINDS[kind](rng, name, load))
