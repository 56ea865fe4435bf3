"""How much of a node's memory the VMs of a plan are bound to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmc.report.picture.markup import clean
from kvmc.report.picture.model import Memory, Share
from kvmc.report.picture.tenants import numbers_of
from kvmc.units import format_kib

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from kvmc.host.model import Host, Node
    from kvmc.planner.model import HostPlan, VmPlan


class Asked(NamedTuple):
    """What a spec says of a VM's memory."""

    kib: int
    paged: Collection[int] = ()
    """Its guest cells in huge pages; of a VM without cells cell 0 stands for all of it."""


def memories_of(host: Host, plan: HostPlan | None, asked: Mapping[str, Asked]) -> dict[int, Memory]:
    """Return node id -> its memory.

    A VM that is bound to several nodes as a whole is named in the text of each, but counted on
    none: the kernel decides where its pages go.
    """
    numbers = numbers_of(plan)
    vms = sorted(plan.vms if plan else (), key=lambda vm: numbers[vm.name])
    return {node.id: _memory(node, vms, numbers, asked) for node in host.nodes}


def _memory(
    node: Node, vms: Sequence[VmPlan], numbers: Mapping[str, int], asked: Mapping[str, Asked]
) -> Memory:
    bound = {vm.name: tuple(_bound(vm, node.id, asked.get(vm.name, Asked(0)))) for vm in vms}
    paged = sum(kib for parts in bound.values() for kib, is_paged in parts if is_paged)
    shares = tuple(
        Share(tenant=numbers[name], kib=kib)
        for name, parts in bound.items()
        if (kib := sum(kib for kib, _ in parts))
    )
    return Memory(
        node=node.id,
        total_kib=node.memory_kib,
        shares=shares,
        text=" · ".join(_text(node, vms, sum(share.kib for share in shares), paged)),
    )


def _bound(vm: VmPlan, node: int, asked: Asked) -> Iterator[tuple[int, bool]]:
    """Yield the parts that the VM has on the node alone: KiB, and whether in huge pages."""
    if any(cell.host_node is not None for cell in vm.cells):
        for cell in vm.cells:
            if cell.host_node == node:
                yield cell.memory_kib, cell.id in asked.paged
    elif vm.memory_nodes is not None and list(vm.memory_nodes) == [node]:
        yield asked.kib, bool(asked.paged)


def _text(node: Node, vms: Sequence[VmPlan], bound: int, paged: int) -> Iterator[str]:
    """Yield what there is, what is bound, what is left outside of huge pages, and those."""
    total = node.memory_kib
    yield "memory unknown" if total is None else size_text(total)
    if bound:
        yield f"{size_text(bound)} bound"
    if total is not None and bound:
        # Memory in a pool of huge pages is taken: only those who ask for pages get it.
        left = total - sum(kib * pages for kib, pages in node.hugepages) - (bound - paged)
        yield _left(left)
    for vm in vms:
        several = vm.memory_nodes is not None and len(vm.memory_nodes) > 1
        if several and vm.memory_nodes and node.id in vm.memory_nodes:
            yield f"{clean(vm.name)}: from nodes {vm.memory_nodes}"
    for kib, pages in node.hugepages:
        if pages:
            yield f"{pages} x {format_kib(kib)} pages"


def _left(kib: int) -> str:
    if kib < 0:
        return f"{size_text(-kib)} too much"
    return f"{size_text(kib)} left" if kib else "nothing left"


def size_text(kib: int) -> str:
    """Return a size for reading: whole in its unit, else rounded to a tenth of a GiB."""
    gib = kib / 1024**2
    if gib == int(gib) or gib < 1:
        return format_kib(kib)
    return f"{gib:.1f}GiB"
