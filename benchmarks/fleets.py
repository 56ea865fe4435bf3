"""The hosts and fleets that are measured: those of the tests, and a few that only time needs.

tests/support/fleets.py draws a placement first and asks for its VMs then, so that a fleet is known
to fit. Here every VM is bound to one node, or has cells, because that is all Nova can do: the two
are asked the same question.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace
from tests.support.fleets import GIB, LAYOUTS, celled, fleet, host_of, machine, parts

from kvmc.host.model import Core, Host, Node, Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.spec.model import Vm

Verb = Literal["add", "remove"]

SHAPES = {
    "1x8x2": "desktop",
    "2x14x2": "2x14x2",
    "2x64x2 NPS4": "epyc",
    "8x56x2": "8x56x2",
    "8x56x2 SNC2": "snc",
}
"""What a host shape is called on the page -> its name in tests/support/fleets.py."""
LEGEND = (
    "Hosts are sockets x cores x threads: 16 CPUs on one node, 56 on two, 256 on eight (an EPYC "
    "that is split in four a socket), 896 on eight, and 896 on sixteen (split in two a socket)."
)


class Fleet(Struct, frozen=True, kw_only=True):
    """A host and the VMs that arrive on it, in this order."""

    host: Host
    vms: tuple[Vm, ...]
    events: tuple[tuple[Verb, str], ...] = ()
    """Arrivals and departures; () means that all arrive once."""

    @property
    def arrivals(self) -> tuple[tuple[Verb, str], ...]:
        """The events, or one arrival for each VM."""
        return self.events or tuple(("add", vm.name) for vm in self.vms)

    @property
    def vcpus(self) -> int:
        """The vCPUs of all its VMs."""
        return sum(vm.cpu.max for vm in self.vms)


def cpus(shape: str) -> int:
    """Return how many CPUs a host shape has."""
    return len(host_of(shape).online)


def _bound(vm: Vm) -> Vm:
    return vm if vm.numa.cells else replace(vm, pin=replace(vm.pin, numa="require"))


def _drawn(kind: str) -> Callable[[str, float, int], Fleet]:
    def draw(shape: str, load: float, seed: int) -> Fleet:
        host = host_of(shape, core_sharing="allow")
        vms = fleet(kind, shape, load, seed)
        return Fleet(host=host, vms=tuple(_bound(vm) for vm in vms))

    return draw


def _rng(kind: str, shape: str, load: float, seed: int) -> Random:
    return Random(f"{kind}/{shape}/{load}/{seed}")


def _named(shape: str, vms: list[Vm]) -> Fleet:
    """Name VMs by arrival, and leave their order alone."""
    named = tuple(_bound(replace(vm, name=f"vm{n:04}")) for n, vm in enumerate(vms))
    return Fleet(host=host_of(shape, core_sharing="allow"), vms=named)


def _nodes(shape: str) -> int:
    return LAYOUTS[shape].sockets * LAYOUTS[shape].nodes


def uniform(shape: str, load: float, seed: int) -> Fleet:
    """VMs of one size, as large a number of them as the load allows."""
    width = LAYOUTS[shape].width
    fitting = [n for n in (1, 2, 3, 4, 6, 7, 8, 14) if width % n == 0]
    size = fitting[seed % len(fitting)]
    count = max(round(_nodes(shape) * (width // size) * load), 1)
    return _named(shape, [machine("", 2 * size) for _ in range(count)])


def sizes(shape: str, load: float, seed: int) -> Fleet:
    """`prefer` VMs of 1 to 32 vCPUs, odd ones among them, that fill every CPU at full load."""
    rng = _rng("sizes", shape, load, seed)
    width = 2 * LAYOUTS[shape].width
    drawn = [
        n
        for _ in range(_nodes(shape))
        for n in parts(rng, round(width * load), tuple(range(1, min(32, width) + 1)))
    ]
    rng.shuffle(drawn)
    return _named(shape, [machine("", n, threads="prefer") for n in drawn])


def halves_first(shape: str, load: float, seed: int) -> Fleet:
    """Small VMs that must pair up come before the VMs that need a whole node: defeats spreading."""
    rng = _rng("halves", shape, load, seed)
    width = LAYOUTS[shape].width
    whole = _nodes(shape) // 2
    small = [n for _ in range(_nodes(shape) - whole) for n in _pair(rng, width)]
    rng.shuffle(small)
    kept = small[: max(round(len(small) * load), 1)]
    return _named(shape, [machine("", 2 * n) for n in [*kept, *[width] * whole]])


def complements_last(shape: str, load: float, seed: int) -> Fleet:
    """Small VMs first, then for each the one large VM that fills its node: defeats packing."""
    rng = _rng("complements", shape, load, seed)
    width = LAYOUTS[shape].width
    pairs = [_pair(rng, width) for _ in range(_nodes(shape))]
    low, high = [min(pair) for pair in pairs], [max(pair) for pair in pairs]
    rng.shuffle(low)
    rng.shuffle(high)
    kept = high[: max(round(len(high) * load), 1)]
    return _named(shape, [machine("", 2 * n) for n in [*low, *kept]])


def _pair(rng: Random, width: int) -> tuple[int, int]:
    first = rng.randint(max(width // 5, 1), max(width // 2 - 1, 1))
    return first, width - first


def overfull(shape: str, load: float, seed: int) -> Fleet:
    """Mixed thread policies at 115 % of what fits: something must stay out, and least should."""
    base = _drawn("mixed")(shape, 1.0, seed)
    more = _drawn("mixed")(shape, 1.0, seed + 10_000)
    extra = round(len(base.vms) * 0.15 * load) or 1
    late = [replace(vm, name=f"x{vm.name}") for vm in more.vms[:extra]]
    return Fleet(host=base.host, vms=(*base.vms, *late))


FAMILIES: dict[str, Callable[[str, float, int], Fleet]] = {
    "uniform": uniform,
    "require": _drawn("require"),
    "sizes 1 to 32": sizes,
    "prefer, odd": _drawn("prefer"),
    "mixed policies": _drawn("mixed"),
    "cells": _drawn("cells"),
    "triplets": _drawn("triplets"),
    "memory": _drawn("memory"),
    "memory triplets": _drawn("memory-triplets"),
    "misleading sizes": _drawn("misleading"),
    "halves first": halves_first,
    "complements last": complements_last,
    "overfull": overfull,
}
ADVERSARIAL = ("misleading sizes", "halves first", "complements last")


def churn(shape: str, seed: int, turns: int) -> Fleet:
    """Fill four fifths of a host; then, so many times, one VM leaves and a new one comes."""
    rng = _rng("churn", shape, 0.8, seed)
    start = _drawn("mixed")(shape, 0.8, seed)
    fresh = _drawn("mixed")(shape, 1.0, seed + 10_000).vms
    vms, here = list(start.vms), [vm.name for vm in start.vms]
    events: list[tuple[Verb, str]] = [("add", name) for name in here]
    for turn in range(turns):
        gone = here.pop(rng.randrange(len(here)))
        new = replace(fresh[turn % len(fresh)], name=f"new{turn:03}")
        vms.append(new)
        here.append(new.name)
        events += [("remove", gone), ("add", new.name)]
    return Fleet(host=start.host, vms=tuple(vms), events=tuple(events))


def even_host(nodes: int, cores: int) -> Host:
    """Return a host of equal nodes, one level 3 cache each, two threads a core."""
    total = nodes * cores
    return Host(
        name="even",
        nodes=tuple(
            Node(
                id=n,
                memory_kib=4096 * GIB,
                distances=tuple((m, 10 if n == m else 21) for m in range(nodes)),
            )
            for n in range(nodes)
        ),
        cores=tuple(
            Core(cpus=(n, n + total), package=n // cores, node=n // cores, l3=n // cores)
            for n in range(total)
        ),
        policy=Policy(core_sharing="allow"),
    )


def by_cpus(count: int) -> Fleet:
    """Nine tenths of a host of so many CPUs, in `require` VMs of 8 vCPUs; nodes of 64 CPUs."""
    host = even_host(max(count // 64, 1), min(count // 2, 32))
    vms = [_bound(machine(f"vm{n:04}", 8)) for n in range(count * 9 // 10 // 8)]
    return Fleet(host=host, vms=tuple(vms))


def by_vms(count: int) -> Fleet:
    """So many VMs of 1 or 2 vCPUs on 1,792 CPUs: 16 nodes of 56 cores."""
    vms = [_bound(machine(f"vm{n:04}", 1 + n % 2, threads="prefer")) for n in range(count)]
    return Fleet(host=even_host(16, 56), vms=tuple(vms))


def guest_of_cells(nodes: int, cells: int, *, fits: bool) -> Fleet:
    """One guest of so many cells, each of which needs a whole node, on a host of so many nodes.

    The other nodes hold a small VM each: by its CPU list for kvmc, and for Nova because it spreads.
    One whole node less than there are cells makes the guest impossible.
    """
    host = even_host(nodes, 16)
    free = cells if fits else cells - 1
    holders = [
        machine(f"holder{n:02}", 2, cpus=host.node_cpus[n], numa="require")
        for n in range(nodes - free)
    ]
    return Fleet(host=host, vms=(*holders, celled("guest", [32] * cells)))


def one_too_many(shape: str, seed: int) -> tuple[Fleet, Vm]:
    """Return a fleet that fills its host, and one more VM that cannot fit."""
    full = _drawn("require")(shape, 1.0, seed)
    return full, _bound(machine("one-more", 2))


def kinds(shape: str) -> list[str]:
    """Return the kinds of fleets that make sense on a host: small ones are too easy for some."""
    small = LAYOUTS[shape].width < 12 or _nodes(shape) < 2
    return [kind for kind in FAMILIES if not (small and kind in _NEED_NODES)]


_NEED_NODES = ("triplets", "memory triplets", *ADVERSARIAL)
