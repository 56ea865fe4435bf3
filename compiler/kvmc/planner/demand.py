"""A VM as the search sees it: groups of vCPUs, and the ways to cut a group into units.

A *unit* is a set of vCPUs that goes onto one host core. Under `require` a unit is a guest core;
under `isolate` it is one vCPU; under `prefer` both are tried, and then units that mix guest cores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.cpuset import EMPTY, CpuSet
from kvmc.planner.candidates import candidates, widest_core
from kvmc.planner.cuts import Cut, all_cuts, singles, whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmc.host.model import Host
    from kvmc.spec.model import Vm


_NOWHERE = (EMPTY, 0)
"""No CPUs, and the width of their widest core."""
_Dedicated = tuple[tuple[int, ...], ...]
"""The dedicated vCPUs of each group."""


class Group(Struct, frozen=True, kw_only=True):
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

    @property
    def in_cache(self) -> bool:
        """Whether there is anything that `one_cache` is about."""
        return self.one_cache and bool(self.dedicated)


class Variant(Struct, frozen=True, kw_only=True):
    """A way to see the VM: how wide its guest cores are, and each group's cuts, best first."""

    threads: int
    cuts: tuple[tuple[Cut, ...], ...]


class Demand(Struct, frozen=True, kw_only=True):
    """What one VM asks of the host's dedicated CPUs, shared CPUs and memory."""

    vm: Vm
    cpus: CpuSet
    """The CPUs its dedicated vCPUs may get on the empty host."""
    groups: tuple[Group, ...]
    variants: tuple[Variant, ...]
    """Best first; () where the count itself is impossible, and `obstacle` says why."""
    prefers: bool
    """Whether its cores may be shared at all: thread policy `prefer`."""
    threads_needed: int
    """Host CPUs that it takes for itself."""
    extra: int = 0
    """CPUs for isolated emulator and I/O threads."""
    obstacle: str = ""


def demand_of(vm: Vm, host: Host) -> Demand:
    """Return a VM's demand on a host."""
    return demands_of((vm,), host)[0]


def demands_of(vms: Iterable[Vm], host: Host) -> list[Demand]:
    """Return the demands of several VMs; what several have in common is worked out once."""
    usable: dict[object, tuple[CpuSet, int]] = {}
    known: dict[object, tuple[tuple[Variant, ...], str]] = {}
    found = []
    for vm in vms:
        pin = vm.pin
        seen = _NOWHERE
        own, extra = vm.dedicated, isolated_threads(vm)
        any_own = own.mask != 0
        if any_own or extra:
            where = (pin.cpus, pin.kind, pin.threads == "isolate")
            seen = usable.get(where, _NOWHERE)
            if seen is _NOWHERE:
                mine = candidates(host, pin)
                seen = usable[where] = (mine, widest_core(host, mine))
        cpus, widest = seen
        groups = groups_of(vm, own)
        dedicated = tuple([group.dedicated for group in groups])
        shape = (dedicated, any_own, pin.threads, vm.cpu.max, vm.cpu.topology, widest)
        ways = known.get(shape)
        if ways is None:
            ways = _variants(vm, dedicated, widest) if any_own else (_no_cuts(dedicated), "")
            known[shape] = ways
        variants, obstacle = ways
        found.append(
            Demand(
                vm=vm,
                cpus=cpus,
                groups=groups,
                variants=variants,
                prefers=pin.threads == "prefer",
                threads_needed=sum(map(len, dedicated)) + extra,
                extra=extra,
                obstacle=obstacle,
            )
        )
    return found


def isolated_threads(vm: Vm) -> int:
    """Return how many CPUs isolated emulator and I/O threads want."""
    emulator = 1 if vm.pin.emulator == "isolate" else 0
    return emulator + (vm.iothreads if vm.pin.iothreads == "isolate" else 0)


def groups_of(vm: Vm, own: CpuSet) -> tuple[Group, ...]:
    """Return the VM's cells, or the VM as one; `own` are the vCPUs that need CPUs of their own."""
    pin = vm.pin
    one_cache = pin.l3 == "require"
    if pin.strategy == "manual":
        return ()
    if not vm.numa.cells:
        dedicated = tuple(own)
        return (
            Group(
                cell=None,
                dedicated=dedicated,
                floats=vm.cpu.max - len(dedicated),
                bound=pin.numa == "require",
                one_cache=one_cache,
                memory_kib=vm.memory_kib,
                page_kib=vm.memory_backing.hugepages_kib,
            ),
        )
    strict = vm.numa.mode == "strict"
    return tuple(
        [
            Group(
                cell=cell.id,
                dedicated=tuple(cell.cpus & own),
                floats=len(cell.cpus - own),
                bound=strict,
                one_cache=one_cache,
                memory_kib=cell.memory_kib,
                page_kib=cell.hugepages_kib,
            )
            for cell in vm.numa.cells
        ]
    )


def _no_cuts(dedicated: _Dedicated) -> tuple[Variant, ...]:
    return (Variant(threads=1, cuts=tuple([(singles(()),) for _ in dedicated])),)


def _variants(  # noqa: PLR0911 (one return a policy)
    vm: Vm, dedicated: _Dedicated, widest: int
) -> tuple[tuple[Variant, ...], str]:
    """Return the variants of a VM with dedicated vCPUs, or none and the obstacle in words.

    Nothing else of the VM counts than its thread policy, ceiling and topology.
    """
    if vm.pin.threads == "isolate":
        return (_single(dedicated),), ""
    given = vm.cpu.topology
    threads = given.threads if given else widest
    fills = threads > 1 and vm.cpu.max % threads == 0
    full = _whole(dedicated, threads) if fills else None
    if vm.pin.threads == "require":
        if widest < 2:  # noqa: PLR2004 (SMT begins at two)
            return (), "threads: require needs cores with two free thread siblings or more"
        if full is None:
            return (), (
                f"threads: require needs whole cores of {threads} threads, and "
                f"{_unfilled(vm, dedicated, threads)}"
            )
        return (full,), ""
    if given is not None:
        return (_loose(dedicated, threads if full else 1, widest, seen=threads),), ""
    if full is None:
        return (_loose(dedicated, 1, widest, seen=1),), ""
    return (full, _loose(dedicated, threads, widest, seen=1)), ""


def _single(dedicated: _Dedicated) -> Variant:
    return Variant(threads=1, cuts=tuple([(singles(vcpus),) for vcpus in dedicated]))


def _whole(dedicated: _Dedicated, threads: int) -> Variant | None:
    """Return the variant in which every guest core is one unit; None where the count forbids."""
    cuts = []
    for vcpus in dedicated:
        cut = whole(vcpus, threads)
        if cut is None:
            return None
        cuts.append((cut,))
    return Variant(threads=threads, cuts=tuple(cuts))


def _unfilled(vm: Vm, dedicated: _Dedicated, threads: int) -> str:
    """Return which vCPUs do not fill guest cores of so many threads, in words."""
    for cell, vcpus in enumerate(dedicated):
        if whole(vcpus, threads) is None:
            where = f" of cell {cell}" if len(dedicated) > 1 else ""
            if len(vcpus) % threads:
                return f"{len(vcpus)} dedicated vCPUs{where} do not fill them"
            return f"the dedicated vCPUs {CpuSet(vcpus)}{where} are no whole guest cores"
    return f"{vm.cpu.max} vCPUs do not fill them"


def _loose(dedicated: _Dedicated, threads: int, widest: int, *, seen: int) -> Variant:
    """Return the variant with every cut, from all together to as crowded as cores allow.

    `threads` is the width of a guest core, within which sharing a host core is no conflict and
    whose splitting counts; `seen` is the width that the guest is shown.
    """
    cuts = [all_cuts(vcpus, threads, widest) for vcpus in dedicated]
    return Variant(threads=seen, cuts=tuple(cuts))
