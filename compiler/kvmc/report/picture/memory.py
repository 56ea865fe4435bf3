"""How much of a node's memory the VMs of a plan are bound to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.report.picture.markup import clean
from kvmc.report.picture.model import Memory, Share
from kvmc.report.picture.tenants import numbers_of
from kvmc.units import format_kib

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kvmc.host.model import Host, Node
    from kvmc.planner.model import HostPlan, VmPlan


def memories_of(host: Host, plan: HostPlan | None, sizes: Mapping[str, int]) -> dict[int, Memory]:
    """Return node id -> its memory.

    A VM that is bound to several nodes as a whole is named in the text of each, but counted on
    none: the kernel decides where its pages go.
    """
    numbers = numbers_of(plan)
    vms = sorted(plan.vms if plan else (), key=lambda vm: numbers[vm.name])
    return {node.id: _memory(node, vms, numbers, sizes) for node in host.nodes}


def _memory(
    node: Node, vms: Sequence[VmPlan], numbers: Mapping[str, int], sizes: Mapping[str, int]
) -> Memory:
    shares = tuple(
        Share(tenant=numbers[vm.name], kib=kib) for vm in vms if (kib := _bound(vm, node.id, sizes))
    )
    return Memory(
        node=node.id,
        total_kib=node.memory_kib,
        shares=shares,
        text=" · ".join(_text(node, vms, shares)),
    )


def _bound(vm: VmPlan, node: int, sizes: Mapping[str, int]) -> int:
    """Return what the VM has on the node alone, in KiB."""
    if any(cell.host_node is not None for cell in vm.cells):
        return sum(cell.memory_kib for cell in vm.cells if cell.host_node == node)
    alone = vm.memory_nodes is not None and list(vm.memory_nodes) == [node]
    return sizes.get(vm.name, 0) if alone else 0


def _text(node: Node, vms: Sequence[VmPlan], shares: tuple[Share, ...]) -> Iterator[str]:
    """Yield what there is, what is bound, and the huge pages."""
    total, bound = node.memory_kib, sum(share.kib for share in shares)
    yield "memory unknown" if total is None else size_text(total)
    if bound:
        yield f"{size_text(bound)} bound"
    if total is not None and bound:
        left = total - bound
        yield f"{size_text(left)} left" if left >= 0 else f"{size_text(-left)} too much"
    for vm in vms:
        several = vm.memory_nodes is not None and len(vm.memory_nodes) > 1
        if several and vm.memory_nodes and node.id in vm.memory_nodes:
            yield f"{clean(vm.name)}: from nodes {vm.memory_nodes}"
    for kib, pages in node.hugepages:
        if pages:
            yield f"{pages} x {format_kib(kib)} pages"


def size_text(kib: int) -> str:
    """Return a size for reading: whole in its unit, else rounded to a tenth of a GiB."""
    gib = kib / 1024**2
    if gib == int(gib) or gib < 1:
        return format_kib(kib)
    return f"{gib:.1f}GiB"
