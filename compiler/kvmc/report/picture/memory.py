"""How much of a node's memory the VMs of a plan are bound to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from kvmc.report.picture.markup import clean
from kvmc.report.picture.model import Memory, Share
from kvmc.report.picture.tenants import numbers_of
from kvmc.units import format_kib, rounded_kib

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from kvmc.host.model import Host, Node
    from kvmc.planner.model import HostPlan, VmPlan
    from kvmc.spec.model import NumaMode

_YIELDING = ("preferred", "interleave")
"""Modes that a full node does not refuse: its memory then comes from others."""


class Asked(NamedTuple):
    """What a spec says of a VM's memory."""

    kib: int
    paged: Collection[int] = ()
    """Its guest cells in huge pages; of a VM without cells cell 0 stands for all of it."""
    mode: NumaMode = "strict"
    """How cells are bound; of a VM without cells the plan says it."""


class _Part(NamedTuple):
    """The memory of a cell, or of a VM without cells, on one node."""

    vm: str
    kib: int
    paged: bool
    yields: bool
    """Whether what does not fit comes from other nodes (Linux: MPOL_PREFERRED, MPOL_INTERLEAVE)."""


class _Booked(NamedTuple):
    """What becomes of a node's memory, in KiB."""

    taken: Counter[str]
    """By VM."""
    elsewhere: Counter[str]
    """By VM: what it wants here, and gets from other nodes."""
    left: int | None
    """Outside of the pools of huge pages; less than 0 where more is bound than there is."""


def memories_of(host: Host, plan: HostPlan | None, asked: Mapping[str, Asked]) -> dict[int, Memory]:
    """Return node id -> its memory.

    A VM that is bound to several nodes as a whole is named in the text of each, but counted on
    none: the kernel decides where its pages go. What `preferred` and `interleave` want of a node
    beyond what is left there is not counted either.
    """
    numbers = numbers_of(plan)
    vms = sorted(plan.vms if plan else (), key=lambda vm: numbers[vm.name])
    return {node.id: _memory(node, vms, numbers, asked) for node in host.nodes}


def _memory(
    node: Node, vms: Sequence[VmPlan], numbers: Mapping[str, int], asked: Mapping[str, Asked]
) -> Memory:
    parts = [p for vm in vms for p in _parts(vm, node.id, asked.get(vm.name, Asked(0)))]
    booked = _booked(node, parts)
    shares = tuple(
        Share(tenant=numbers[vm.name], kib=booked.taken[vm.name])
        for vm in vms
        if booked.taken[vm.name]
    )
    return Memory(
        node=node.id,
        total_kib=node.memory_kib,
        shares=shares,
        text=" · ".join(_text(node, vms, booked)),
    )


def _parts(vm: VmPlan, node: int, asked: Asked) -> Iterator[_Part]:
    """Yield what the VM has on the node alone."""
    if any(cell.host_node is not None for cell in vm.cells):
        yields = asked.mode in _YIELDING
        for cell in vm.cells:
            if cell.host_node == node:
                yield _Part(vm.name, cell.memory_kib, cell.id in asked.paged, yields)
    elif vm.memory_nodes is not None and list(vm.memory_nodes) == [node]:
        yield _Part(vm.name, asked.kib, bool(asked.paged), vm.memory_mode in _YIELDING)


def _booked(node: Node, parts: Sequence[_Part]) -> _Booked:
    """Return what the parts get: those that are bound first, as the planner has it."""
    taken, elsewhere = Counter[str](), Counter[str]()
    # Memory in a pool of huge pages is taken: only those who ask for pages get it.
    left, pages = node.plain_kib, sum(size * count for size, count in node.hugepages)
    for part in sorted(parts, key=lambda part: part.yields):
        room = pages if part.paged else left
        here = part.kib
        if part.yields and room is not None:
            here = min(here, max(room, 0))
        taken[part.vm] += here
        elsewhere[part.vm] += part.kib - here
        if part.paged:
            pages -= here
        elif left is not None:
            left -= here
    return _Booked(taken, elsewhere, left)


def _text(node: Node, vms: Sequence[VmPlan], booked: _Booked) -> Iterator[str]:
    """Yield what there is, what is bound, what is left outside of huge pages, and those."""
    yield "memory unknown" if node.memory_kib is None else rounded_kib(node.memory_kib)
    bound = booked.taken.total()
    if bound:
        yield f"{rounded_kib(bound)} bound"
    if booked.left is not None and bound:
        yield _left(booked.left)
    for vm in vms:
        several = vm.memory_nodes is not None and len(vm.memory_nodes) > 1
        if several and vm.memory_nodes and node.id in vm.memory_nodes:
            yield f"{clean(vm.name)}: from nodes {vm.memory_nodes}"
        if booked.elsewhere[vm.name]:
            yield f"{clean(vm.name)}: {rounded_kib(booked.elsewhere[vm.name])} from elsewhere"
    for kib, pages in node.hugepages:
        if pages:
            yield f"{pages} x {format_kib(kib)} pages"


def _left(kib: int) -> str:
    if kib < 0:
        return f"{rounded_kib(-kib)} too much"
    return f"{rounded_kib(kib)} left" if kib else "nothing left"
