"""Synthetic hosts from one short string, as hwloc builds them, and random small ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.cpuset import EMPTY, CpuSet
from kvmc.host.model import Core, Host, Node, Policy

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

GIB = 1024 * 1024
"""In KiB; also the size of a 1 GiB page."""


class Shape(Struct, frozen=True, kw_only=True):
    """The numbers behind a string such as "node:2 l3:2 core:2 pu:2"; l3:0 is unknown."""

    node: int = 1
    l3: int = 1
    core: int = 1
    pu: int = 1


def read(text: str) -> Shape:
    return Shape(**{key: int(n) for key, n in (word.split(":") for word in text.split())})


def synthetic(text: str, *, memory_gib: int | None = 64, pages: int = 0, **policy: object) -> Host:
    """Build a host; the second threads are numbered after all the first ones, as Linux does."""
    shape = read(text)
    groups = max(shape.l3, 1)
    total = shape.node * groups * shape.core
    cores = [
        Core(
            cpus=tuple(n + thread * total for thread in range(shape.pu)),
            package=n // (groups * shape.core),
            node=n // (groups * shape.core),
            l3=n // shape.core if shape.l3 else None,
        )
        for n in range(total)
    ]
    memory = None if memory_gib is None else memory_gib * GIB
    nodes = tuple(
        Node(
            id=n,
            memory_kib=memory,
            hugepages=((GIB, pages),) if pages else (),
            distances=tuple((m, 10 if n == m else 21) for m in range(shape.node)),
        )
        for n in range(shape.node)
    )
    host = Host(name="synthetic", arch="x86_64", nodes=nodes, cores=tuple(cores))
    return replace(host, policy=Policy(**policy))  # type: ignore[arg-type]


SHAPES = (
    "node:1 l3:1 core:3 pu:2",
    "node:1 l3:1 core:4 pu:2",
    "node:1 l3:2 core:2 pu:2",
    "node:1 l3:1 core:6 pu:1",
    "node:1 l3:4 core:1 pu:2",
    "node:1 l3:2 core:3 pu:2",
    "node:1 l3:1 core:2 pu:4",
    "node:2 l3:1 core:2 pu:2",
    "node:2 l3:1 core:3 pu:2",
    "node:2 l3:2 core:1 pu:2",
    "node:2 l3:1 core:4 pu:1",
    "node:2 l3:0 core:2 pu:2",
    "node:2 l3:2 core:2 pu:2",
    "node:3 l3:1 core:2 pu:2",
    "node:4 l3:1 core:2 pu:1",
    "node:1 l3:1 core:8 pu:2",
    "node:1 l3:2 core:4 pu:2",
    "node:1 l3:4 core:2 pu:2",
    "node:2 l3:1 core:4 pu:2",
    "node:4 l3:1 core:2 pu:2",
)


def random_host(rng: Random) -> Host:
    """A host of at most eight cores, with the oddities of real ones."""
    memory = rng.choice([4, 6, 8, 12, 64, 64, None])
    pages = rng.choice([0, 0, 2, 3])
    host = synthetic(rng.choice(SHAPES), memory_gib=memory, pages=pages if memory else 0)
    if rng.random() < 0.2:
        host = uneven(host, rng)
    if rng.random() < 0.2:
        host = offline(host, rng)
    if len(host.nodes) > 2:
        host = _far(host, rng)
    return replace(host, policy=_policy(host, rng))


def uneven(host: Host, rng: Random) -> Host:
    """A hybrid host: some cores are efficient and have one thread."""
    small = {core for core in host.cores if rng.random() < 0.4}
    cores = tuple(
        replace(core, cpus=core.cpus[:1], kind="efficiency")
        if core in small
        else replace(core, kind="performance" if rng.random() < 0.9 else None)
        for core in host.cores
    )
    return replace(host, cores=cores)


def offline(host: Host, rng: Random) -> Host:
    gone = {rng.choice(sorted(host.online))}
    cores = [replace(c, cpus=tuple(x for x in c.cpus if x not in gone)) for c in host.cores]
    kept = tuple(sorted((c for c in cores if c.cpus), key=lambda c: c.cpus))
    return replace(host, cores=kept, offline=CpuSet(gone))


def _far(host: Host, rng: Random) -> Host:
    far = {(a.id, b.id): rng.choice([12, 21, 31]) for a in host.nodes for b in host.nodes}
    nodes = tuple(
        replace(
            node,
            distances=tuple(
                (o.id, 10 if o.id == node.id else far[min(o.id, node.id), max(o.id, node.id)])
                for o in host.nodes
            ),
        )
        for node in host.nodes
    )
    return replace(host, nodes=nodes)


def picks(host: Host, rng: Random, whole: float) -> Callable[[float], CpuSet]:
    """Return what takes a core with a chance, all of it in so many cases, else one thread of it.

    Nothing is taken twice, and at least three cores are left.
    """
    free = list(host.cores)
    rng.shuffle(free)

    def some(chance: float) -> CpuSet:
        if rng.random() >= chance or len(free) < 4:
            return EMPTY
        cpus = free.pop().cpus
        return CpuSet(cpus if rng.random() < whole else [rng.choice(cpus)])

    return some


def _policy(host: Host, rng: Random) -> Policy:
    """Housekeeping, a shared set and somebody else's CPUs: whole cores or single threads."""
    some = picks(host, rng, whole=0.7)
    reserved, shared, pool = some(0.3), some(0.5), some(0.12)
    named = CpuSet(cpu for cpu in host.online if rng.random() < 0.85)
    return Policy(
        reserved=reserved,
        shared=shared,
        dedicated=named if rng.random() < 0.12 else None,
        pools=(("dpdk", pool),) if pool else (),
        overcommit=rng.choice([1.0, 1.5, 2.0, 4.0]),
        core_sharing=rng.choice(["never", "never", "allow"]),
    )
