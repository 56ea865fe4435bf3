"""Where memory fits: items with the nodes they may come from, and what the nodes have."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from tests.property.seats import SEATED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvmc.host.model import Host, Node
    from kvmc.spec.model import Vm
    from tests.property.seats import Seating


class Item(Struct, frozen=True, kw_only=True):
    """An amount of memory that comes from some nodes."""

    nodes: frozenset[int]
    page: int | None
    """Page size in KiB; None: normal memory."""
    amount: int
    """KiB of normal memory, or a number of pages."""
    bound: bool
    """Whether a rule demands that it fits its nodes."""
    owner: str = ""
    cell: int = -1


def left(node: Node, page: int | None) -> int | None:
    """What a node has of normal memory (KiB) or of pages of one size; None when unknown."""
    if page is not None:
        return dict(node.hugepages).get(page, 0)
    if node.memory_kib is None:
        return None
    return max(node.memory_kib - sum(size * count for size, count in node.hugepages), 0)


def fits(items: Iterable[Item], host: Host) -> bool:
    """Whether every item gets its memory from its nodes (Hall's condition over sets of nodes)."""
    items = list(items)
    for page in {item.page for item in items}:
        mine = [item for item in items if item.page == page]
        for size in range(1, len(host.nodes) + 1):
            for some in combinations(host.nodes, size):
                stock = [left(node, page) for node in some]
                ids = {node.id for node in some}
                need = sum(item.amount for item in mine if item.nodes <= ids)
                if None not in stock and need > sum(s for s in stock if s is not None):
                    return False
    return True


def relaxed(items: Iterable[Item], host: Host) -> Iterator[Item]:
    """The same without preferences: pages may come from anywhere (rule 7), normal memory too."""
    for item in items:
        if item.bound:
            yield item
        elif item.page is not None:
            yield replace(item, nodes=frozenset(node.id for node in host.nodes))


def elsewhere(items: list[Item], host: Host) -> int | None:
    """How many preferences are given up; None where the rules fail already."""
    if not fits(relaxed(items, host), host):
        return None
    stock = {(node.id, page): left(node, page) for node in host.nodes for page in _pages(items)}
    lost = 0
    for item in sorted(items, key=lambda i: (not i.bound, i.owner, i.cell)):
        missing = item.amount
        for node in sorted(item.nodes):
            have = stock.get((node, item.page))
            part = missing if have is None else min(missing, max(have, 0))
            missing -= part
            if have is not None:
                stock[node, item.page] = have - part
        lost += bool(missing) and bool(item.nodes)
    return lost


def _pages(items: Iterable[Item]) -> set[int | None]:
    return {item.page for item in items}


def items_of(seating: Seating, host: Host) -> Iterator[Item]:
    """The memory of one VM as the rules and preferences 4, 5 and 6 see it."""
    vm = seating.vm
    home = {cpu: core.node for cpu, core in host.core_of.items()}
    seated = vm.pin.strategy in SEATED
    if not vm.numa.cells:
        used = _known(home[cpu] for cpu in seating.vcpus.values())
        if vm.pin.strategy == "manual":
            # Its memory follows all pins, also those of vCPUs that float over several CPUs.
            used = _known(home.get(cpu) for _, cpus in vm.pin.map for cpu in cpus)
        bound = seated and vm.pin.numa == "require" and bool(seating.vcpus)
        yield _item(vm, used, vm.memory_kib, vm.memory_backing.hugepages_kib, bound=bound)
        return
    for cell in vm.numa.cells:
        used = _known(home[seating.vcpus[v]] for v in cell.cpus if v in seating.vcpus)
        if (seated and vm.numa.mode == "strict") or not used:
            used = _known([seating.nodes.get(cell.id)])
        bound = seated and vm.numa.mode == "strict"
        item = _item(vm, used, cell.memory_kib, cell.hugepages_kib, bound=bound)
        yield replace(item, cell=cell.id)


def _item(vm: Vm, nodes: frozenset[int], kib: int, page: int | None, *, bound: bool) -> Item:
    amount = kib if page is None else -(-kib // page)
    if vm.pin.strategy == "none":
        nodes = frozenset()
    return Item(nodes=nodes, page=page, amount=amount, bound=bound, owner=vm.name)


def _known(nodes: Iterable[int | None]) -> frozenset[int]:
    return frozenset(node for node in nodes if node is not None)
