"""Memory, pages and shared vCPUs that a VM with a fixed place takes before the search begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvmc.planner.model import VmPlan
    from kvmc.planner.problem import State
    from kvmc.spec.model import Vm


class Booking(Struct, frozen=True, kw_only=True):
    """What one cell, or a VM without cells, takes of a host beside CPUs."""

    vm: str
    cell: int = -1
    node: int | None = None
    """The host node that it is bound to; None where it is not."""
    wishes: tuple[int, ...] = ()
    """Where its memory should be without being bound: the nodes of its dedicated vCPUs."""
    memory_kib: int = 0
    page_kib: int | None = None
    floats: int = 0
    """vCPUs that float on the shared set."""


def bookings_of(vm: Vm, plan: VmPlan) -> Iterator[Booking]:
    """Yield what a planned VM takes; the floating vCPUs of `manual` VMs are nobody's to count."""
    counts = vm.pin.strategy in ("shared", "mixed")
    floats = [p for p in plan.vcpus if not p.dedicated] if counts else []
    strict = vm.numa.mode == "strict" or vm.pin.strategy == "manual"
    if not vm.numa.cells:
        bound = vm.pin.numa == "require" and plan.memory_nodes is not None
        nodes = tuple(plan.memory_nodes or ())
        yield Booking(
            vm=vm.name,
            node=nodes[0] if bound and len(nodes) == 1 else None,
            wishes=nodes,
            memory_kib=vm.memory_kib,
            page_kib=vm.memory_backing.hugepages_kib,
            floats=len(floats),
        )
    for cell, asked in zip(plan.cells, vm.numa.cells, strict=True):
        nodes = () if cell.host_node is None else (cell.host_node,)
        yield Booking(
            vm=vm.name,
            cell=cell.id,
            node=cell.host_node if strict else None,
            wishes=nodes,
            memory_kib=cell.memory_kib,
            page_kib=asked.hugepages_kib,
            floats=sum(p.cell == cell.id for p in floats),
        )


def booked(state: State, bookings: Iterable[Booking]) -> State:
    """Return the state without what the bookings take; what is left may be negative."""
    from kvmc.planner.problem import Unbound  # whose models `check` can do without

    memory, pages, pool = dict(state.memory), dict(state.pages), dict(state.pool)
    floats, all_floats = dict(state.floats), state.all_floats
    unbound = list(state.unbound)
    for b in bookings:
        all_floats -= b.floats
        if b.page_kib is not None:
            pool[b.page_kib] = pool.get(b.page_kib, 0) - b.memory_kib // b.page_kib
        if b.node is None:
            wish = Unbound(b.vm, b.cell, b.wishes, b.memory_kib, b.page_kib)
            unbound += [wish] if b.wishes else []
            continue
        floats[b.node] = floats.get(b.node, 0) - b.floats
        if b.page_kib is not None:
            key = (b.node, b.page_kib)
            pages[key] = pages.get(key, 0) - b.memory_kib // b.page_kib
        elif b.node in memory:
            memory[b.node] -= b.memory_kib
    return replace(
        state,
        memory=memory,
        pages=pages,
        pool=pool,
        floats=floats,
        all_floats=all_floats,
        unbound=tuple(unbound),
    )
