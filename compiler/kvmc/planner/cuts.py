"""Ways to cut a group of vCPUs into units, one unit a core, and what each way gives up.

Two guest cores on one host core cost a shared sibling, a guest core on two host cores is split
(docs/planner.md, preferences 3 and 4). Which vCPU is in which unit is decided only for the cut
that is used.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

_FEW = 12
"""Up to this many vCPUs every way to crowd them onto cores of 4 or 8 threads is tried."""

Units = tuple[tuple[int, ...], ...]


class Cut(Struct, frozen=True, kw_only=True):
    """One way to cut a group's dedicated vCPUs into units."""

    vcpus: tuple[int, ...]
    threads: int
    """The width of a guest core."""
    widths: tuple[tuple[int, int], ...]
    """(threads, units of that many), widest first."""
    count: int
    """Units, that is cores."""
    shared: int = 0
    """Tenants that meet another one inside a unit."""
    split: int = 0
    """Guest cores whose threads are not in one unit."""

    def units(self) -> Units:
        """Return the vCPU ids of each unit, widest units first."""
        return _deal(self.vcpus, self.threads, _expanded(self.widths))


def guest_cores(vcpus: tuple[int, ...], threads: int) -> Units:
    """Group vCPU ids by guest core: runs of `threads` consecutive ids, as QEMU numbers them."""
    cores: dict[int, list[int]] = {}
    for vcpu in vcpus:
        cores.setdefault(vcpu // threads, []).append(vcpu)
    return tuple(tuple(unit) for unit in cores.values())


@lru_cache(maxsize=1024)
def singles(vcpus: tuple[int, ...]) -> Cut:
    """Return the cut of `isolate`: every vCPU alone."""
    count = len(vcpus)
    widths = ((1, count),) if count else ()
    return Cut(vcpus=vcpus, threads=1, widths=widths, count=count)


@lru_cache(maxsize=1024)
def whole(vcpus: tuple[int, ...], threads: int) -> Cut | None:
    """Return the cut into full guest cores; None where some guest core is not all there."""
    units = guest_cores(vcpus, threads)
    if any(len(unit) != threads for unit in units):
        return None
    widths = ((threads, len(units)),) if units else ()
    return Cut(vcpus=vcpus, threads=threads, widths=widths, count=len(units))


@lru_cache(maxsize=1024)
def all_cuts(vcpus: tuple[int, ...], threads: int, widest: int) -> tuple[Cut, ...]:
    """Return every cut worth trying, those with the fewest shared and split guest cores first.

    `threads` is the width of a guest core: its splitting counts, and within it sharing a host core
    is no conflict. `widest` is the most siblings a core has.
    """
    found = (
        [_pairs(vcpus, threads, pairs) for pairs in range(len(vcpus) // 2 + 1)]
        if widest == 2 and threads <= 2  # noqa: PLR2004 (plain hyperthreading)
        else [_cut(vcpus, w, threads) for w in _crowdings(len(vcpus), max(widest, 1))]
    )
    return tuple(sorted(set(found), key=lambda c: (c.shared, c.split, c.count, c.widths)))


def _pairs(vcpus: tuple[int, ...], threads: int, pairs: int) -> Cut:
    """Count what `_cut` would for so many units of two, whole guest cores first."""
    alone = len(vcpus) - 2 * pairs
    full = sum(len(core) == 2 for core in guest_cores(vcpus, threads))  # noqa: PLR2004
    return Cut(
        vcpus=vcpus,
        threads=threads,
        widths=((2, pairs),) * (pairs > 0) + ((1, alone),) * (alone > 0),
        count=pairs + alone,
        shared=max(pairs - full, 0),
        split=max(full - pairs, 0),
    )


def _crowdings(total: int, largest: int) -> Iterator[tuple[int, ...]]:
    """Yield the unit widths worth trying.

    With two thread siblings, or few vCPUs, that is every partition. Beyond, for each number of
    cores only the most even one and the one that fills most cores: the rest differ from these in
    which siblings stay empty, not in how many cores are used.
    """
    if largest <= 2 or total <= _FEW:  # noqa: PLR2004 (two: plain hyperthreading)
        yield from partitions(total, largest)
        return
    for cores in range(-(-total // largest), total + 1):
        low, more = divmod(total, cores)
        yield (low + 1,) * more + (low,) * (cores - more)
        full, rest = divmod(total - cores, largest - 1)
        if full < cores:
            yield (largest,) * full + (1 + rest,) + (1,) * (cores - full - 1)


def partitions(total: int, largest: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to write `total` as a sum of 1..largest, each descending."""
    parts = [*_filled(total, largest)] if largest > 0 else []
    # A walk without recursion: a VM may have more vCPUs than Python likes calls.
    while parts or not total:
        yield tuple(parts)
        ones = 0
        while parts and parts[-1] == 1:
            ones += parts.pop()
        if not parts:
            return
        low = parts.pop() - 1
        parts += _filled(ones + low + 1, low)


def _filled(total: int, largest: int) -> tuple[int, ...]:
    """Return the partition into as few parts as can be, the largest first."""
    full, rest = divmod(total, largest)
    return (largest,) * full + ((rest,) if rest else ())


def _cut(vcpus: tuple[int, ...], widths: tuple[int, ...], threads: int) -> Cut:
    dealt = _deal(vcpus, threads, widths)
    full = [set(core) for core in guest_cores(vcpus, threads) if len(core) > 1]
    together = sum(any(core <= set(unit) for unit in dealt) for core in full)
    return Cut(
        vcpus=vcpus,
        threads=threads,
        widths=tuple((w, widths.count(w)) for w in sorted(set(widths), reverse=True)),
        count=len(widths),
        shared=sum(len({v // threads for v in unit}) - 1 for unit in dealt),
        split=len(full) - together,
    )


@lru_cache(maxsize=1024)
def _deal(vcpus: tuple[int, ...], threads: int, widths: tuple[int, ...]) -> Units:
    """Deal vCPUs onto units of the given widths: whole guest cores first, then what is left."""
    if len(vcpus) == len(widths):
        return tuple((v,) for v in vcpus)
    left: list[int] = []
    units: list[list[int]] = [[] for _ in widths]
    first = 0
    for core in guest_cores(vcpus, threads):
        while first < len(widths) and len(units[first]) == widths[first]:
            first += 1
        home = next(
            (u for u in range(first, len(widths)) if widths[u] - len(units[u]) >= len(core) > 1),
            None,
        )
        (left if home is None else units[home]).extend(core)
    spare = iter(sorted(left))
    for unit, width in zip(units, widths, strict=True):
        unit.extend(next(spare) for _ in range(width - len(unit)))
    return tuple(tuple(sorted(unit)) for unit in units)


def _expanded(widths: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    if len(widths) == 1:
        return widths[0][:1] * widths[0][1]
    return tuple([w for w, count in widths for _ in range(count)])
