"""<memoryBacking> and <numatune>: what guest memory is made of and which host nodes it is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.cpuset import CpuSet
from kvmc.render.views.attributes import attributes

if TYPE_CHECKING:
    from kvmc.planner.model import VmPlan
    from kvmc.render.views.attributes import Attributes
    from kvmc.spec.model import Vm


class BackingView(Struct, frozen=True, kw_only=True):
    """<memoryBacking>: pages of <hugepages>, empty elements, and elements with attributes."""

    pages: tuple[Attributes, ...]
    flags: tuple[str, ...]
    modes: tuple[tuple[str, Attributes], ...]

    @property
    def present(self) -> bool:
        """Whether libvirt gets the element at all."""
        return bool(self.pages or self.flags or self.modes)


class NumatuneView(Struct, frozen=True, kw_only=True):
    """<numatune>: at most one <memory>, and a <memnode> for each bound cell."""

    memory: tuple[Attributes, ...]
    memnodes: tuple[Attributes, ...]

    @property
    def present(self) -> bool:
        """Whether libvirt gets the element at all."""
        return bool(self.memory or self.memnodes)


def backing_view(vm: Vm) -> BackingView:
    """Return <memoryBacking>: only what was asked for."""
    backing = vm.memory_backing
    flags = {"nosharepages": backing.nosharepages, "locked": backing.locked}
    modes = (
        ("source", attributes(type=backing.source)),
        ("access", attributes(mode=backing.access)),
        ("allocation", attributes(mode=backing.allocation)),
    )
    return BackingView(
        pages=_pages(vm),
        flags=tuple(flag for flag, asked in flags.items() if asked),
        modes=tuple((element, given) for element, given in modes if given),
    )


def _pages(vm: Vm) -> tuple[Attributes, ...]:
    """One <page> for each page size, with the guest cells that use it.

    libvirt refuses two pages without a nodeset ('two master hugepages detected'), so with cells
    each one names its own.
    """
    cells: dict[int, list[int]] = {}
    for cell in vm.numa.cells:
        if cell.hugepages_kib is not None:
            cells.setdefault(cell.hugepages_kib, []).append(cell.id)
    if cells:
        return tuple(
            attributes(size=size, unit="KiB", nodeset=CpuSet(ids))
            for size, ids in sorted(cells.items())
        )
    size = vm.memory_backing.hugepages_kib
    return () if size is None else (attributes(size=size, unit="KiB"),)


def numatune_view(vm: Vm, plan: VmPlan) -> NumatuneView:
    """Return <numatune>: where the plan binds memory, and how.

    <memory> holds for everything that no <memnode> names. So with cells of which only some are
    bound it is left out, or it would bind the others too; but libvirt wants it with
    `restrictive`, for all or none of <memory> and <memnode> (virDomainNumaDefValidate, 9.4).
    """
    bound = {cell.id: cell.host_node for cell in plan.cells if cell.host_node is not None}
    mode = vm.numa.mode
    memory: tuple[Attributes, ...] = ()
    if plan.memory_nodes:
        mode = plan.memory_mode or mode
        memory = (attributes(mode=mode, nodeset=plan.memory_nodes),)
    elif bound and (len(bound) == len(plan.cells) or mode == "restrictive"):
        memory = (attributes(mode=mode, nodeset=CpuSet(bound.values())),)
    return NumatuneView(
        memory=memory,
        memnodes=tuple(
            attributes(cellid=cell, mode=mode, nodeset=node) for cell, node in sorted(bound.items())
        ),
    )
