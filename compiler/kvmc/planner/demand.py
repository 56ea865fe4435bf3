"""A VM as the search sees it: groups of vCPUs, and the ways to cut a group into units.

A *unit* is a set of vCPUs that goes onto one host core. Under `require` a unit is a guest core;
under `isolate` it is one vCPU; under `prefer` both are tried, and then units that mix guest cores.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet
from kvmc.planner.candidates import candidates, widest_core

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.host.model import Host
    from kvmc.spec.model import Vm


_FEW = 12
"""Up to this many vCPUs every way to crowd them onto cores of 4 or 8 threads is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One way to cut a group's dedicated vCPUs into units, one unit a core."""

    units: tuple[tuple[int, ...], ...]
    """vCPU ids; widest units first."""
    shared: int = 0
    """Tenants that meet another one inside a unit (docs/planner.md, preference 3)."""
    split: int = 0
    """Guest cores whose threads are not in one unit (preference 4)."""

    @property
    def widths(self) -> tuple[tuple[int, int], ...]:
        """(threads, units of that many), widest first."""
        sizes = [len(unit) for unit in self.units]
        return tuple((w, sizes.count(w)) for w in sorted(set(sizes), reverse=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A guest cell, or a whole VM without cells."""

    cell: int | None
    dedicated: tuple[int, ...]
    """vCPU ids that need a CPU of their own."""
    floats: int
    """How many vCPUs float on the shared set."""
    bound: bool
    """Whether a rule keeps it, with its memory, within one host node."""
    one_cache: bool
    """Whether a rule keeps its dedicated vCPUs within one level 3 cache."""
    memory_kib: int
    page_kib: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A way to see the VM: how wide its guest cores are, and each group's cuts, best first."""

    threads: int
    cuts: tuple[tuple[Cut, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one VM asks of the host's dedicated CPUs, shared CPUs and memory."""

    vm: Vm
    cpus: CpuSet
    """The CPUs its dedicated vCPUs may get on the empty host."""
    groups: tuple[Group, ...]
    variants: tuple[Variant, ...]
    """Best first; () where the count itself is impossible, and `obstacle` says why."""
    extra: int = 0
    """CPUs for isolated emulator and I/O threads."""
    obstacle: str = ""

    @property
    def prefers(self) -> bool:
        """Whether its cores may be shared at all: thread policy `prefer`."""
        return self.vm.pin.threads == "prefer"

    @property
    def threads_needed(self) -> int:
        """Host CPUs that it takes for itself."""
        return sum(len(group.dedicated) for group in self.groups) + self.extra


def demand_of(vm: Vm, host: Host) -> Demand:
    """Return a VM's demand on a host."""
    cpus = candidates(host, vm.pin) if vm.dedicated or _extra(vm) else EMPTY
    groups = _groups(vm)
    widest = widest_core(host, cpus)
    variants, obstacle = _variants(vm, groups, widest) if vm.dedicated else (_no_cuts(groups), "")
    return Demand(
        vm=vm, cpus=cpus, groups=groups, variants=variants, obstacle=obstacle, extra=_extra(vm)
    )


def _extra(vm: Vm) -> int:
    emulator = 1 if vm.pin.emulator == "isolate" else 0
    return emulator + (vm.iothreads if vm.pin.iothreads == "isolate" else 0)


def _groups(vm: Vm) -> tuple[Group, ...]:
    strict = vm.numa.mode == "strict"
    one_cache = vm.pin.l3 == "require"
    if vm.pin.strategy == "manual":
        return ()
    if not vm.numa.cells:
        return (
            Group(
                cell=None,
                dedicated=tuple(vm.dedicated),
                floats=vm.cpu.max - len(vm.dedicated),
                bound=vm.pin.numa == "require",
                one_cache=one_cache,
                memory_kib=vm.memory_kib,
                page_kib=vm.memory_backing.hugepages_kib,
            ),
        )
    return tuple(
        Group(
            cell=cell.id,
            dedicated=tuple(cell.cpus & vm.dedicated),
            floats=len(cell.cpus - vm.dedicated),
            bound=strict,
            one_cache=one_cache,
            memory_kib=cell.memory_kib,
            page_kib=cell.hugepages_kib,
        )
        for cell in vm.numa.cells
    )


def _no_cuts(groups: tuple[Group, ...]) -> tuple[Variant, ...]:
    return (Variant(threads=1, cuts=tuple((Cut(units=()),) for _ in groups)),)


def _variants(vm: Vm, groups: tuple[Group, ...], widest: int) -> tuple[tuple[Variant, ...], str]:
    """Return the variants of a VM with dedicated vCPUs, or none and the obstacle in words."""
    if vm.pin.threads == "isolate":
        return (_single(groups),), ""
    given = vm.cpu.topology
    threads = given.threads if given else widest
    fills = threads > 1 and vm.cpu.max % threads == 0
    whole = _whole(groups, threads) if fills else None
    if vm.pin.threads == "require":
        if widest < 2:  # noqa: PLR2004 (SMT begins at two)
            return (), "threads: require needs cores with two free thread siblings or more"
        if whole is None:
            return (), (
                f"threads: require needs whole cores of {threads} threads, and "
                f"{len(vm.dedicated)} dedicated vCPUs do not fill them"
            )
        return (whole,), ""
    if given is not None:
        return (_loose(groups, threads, visible=threads, widest=widest),), ""
    loose = _loose(groups, threads if whole else 1, visible=1, widest=widest)
    return ((whole, loose) if whole else (loose,)), ""


def _single(groups: tuple[Group, ...]) -> Variant:
    cuts = tuple((Cut(units=tuple((v,) for v in g.dedicated)),) for g in groups)
    return Variant(threads=1, cuts=cuts)


def _whole(groups: tuple[Group, ...], threads: int) -> Variant | None:
    """Return the variant in which every guest core is one unit; None where the count forbids."""
    cuts = []
    for group in groups:
        units = guest_cores(group.dedicated, threads)
        if any(len(unit) != threads for unit in units):
            return None
        cuts.append((Cut(units=units),))
    return Variant(threads=threads, cuts=tuple(cuts))


def _loose(groups: tuple[Group, ...], threads: int, visible: int, widest: int) -> Variant:
    """Return the variant with every cut, from all together to as crowded as cores allow.

    `threads` is the width of a guest core whose splitting counts, `visible` the width that the
    guest sees and within which sharing a host core is no conflict.
    """
    cuts = tuple(tuple(_cuts(g.dedicated, threads, visible, widest)) for g in groups)
    return Variant(threads=visible, cuts=cuts)


def guest_cores(vcpus: tuple[int, ...], threads: int) -> tuple[tuple[int, ...], ...]:
    """Group vCPU ids by guest core: runs of `threads` consecutive ids, as QEMU numbers them."""
    cores: dict[int, list[int]] = {}
    for vcpu in vcpus:
        cores.setdefault(vcpu // threads, []).append(vcpu)
    return tuple(tuple(unit) for unit in cores.values())


@lru_cache(maxsize=256)
def _cuts(vcpus: tuple[int, ...], threads: int, visible: int, widest: int) -> tuple[Cut, ...]:
    """Return the cuts of a group, those with the fewest shared and split guest cores first."""
    found = {
        _cut(vcpus, widths, threads, visible) for widths in _crowdings(len(vcpus), max(widest, 1))
    }
    return tuple(sorted(found, key=lambda c: (c.shared, c.split, len(c.units), c.units)))


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
        full, rest = divmod(total - cores, largest - 1) if largest > 1 else (0, 0)
        if full < cores:
            yield (largest,) * full + (1 + rest,) + (1,) * (cores - full - 1)


def partitions(total: int, largest: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to write `total` as a sum of 1..largest, each descending."""
    if total == 0:
        yield ()
        return
    for first in range(min(total, largest), 0, -1):
        for rest in partitions(total - first, first):
            yield (first, *rest)


def _cut(vcpus: tuple[int, ...], widths: tuple[int, ...], threads: int, visible: int) -> Cut:
    """Deal vCPUs onto units of the given widths: whole guest cores first, then what is left."""
    whole = [core for core in guest_cores(vcpus, threads) if len(core) > 1]
    left = [v for core in guest_cores(vcpus, threads) if len(core) == 1 for v in core]
    units: list[list[int]] = [[] for _ in widths]
    for core in whole:
        home = next(
            (u for u, w in zip(units, widths, strict=True) if w - len(u) >= len(core)), None
        )
        if home is None:
            left.extend(core)
        else:
            home.extend(core)
    left.sort()
    for unit, width in zip(units, widths, strict=True):
        while len(unit) < width:
            unit.append(left.pop(0))
    dealt = tuple(tuple(sorted(unit)) for unit in units)
    shared = sum(len({v // visible for v in unit}) - 1 for unit in dealt)
    together = sum(any(set(core) <= set(unit) for unit in dealt) for core in whole)
    split = len(whole) - together if threads > 1 else 0
    return Cut(units=dealt, shared=shared, split=split)
