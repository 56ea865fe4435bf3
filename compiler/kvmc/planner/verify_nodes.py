"""What `verify` holds a plan to: nodes, caches, memory, shared CPUs (docs/planner.md, 4 to 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet
from kvmc.planner.holders import on_cores, pinned
from kvmc.planner.once import once

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.holders import Holder


@once
def _node_of(host: Host) -> dict[int | None, int | None]:
    """Return online CPU -> its node; None where that is not known."""
    return {cpu: core.node for cpu, core in host.core_of.items()}


def cells_lie_on_nodes(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 4: strict cells lie each within one node of their own, and their vCPUs there."""
    for one in holders:
        vm = one.vm
        if not vm.numa.cells or vm.pin.strategy == "manual" or vm.numa.mode != "strict":
            continue
        nodes = [cell.host_node for cell in one.plan.cells]
        if None in nodes or len(set(nodes)) != len(nodes):
            yield f"{vm.name}: the cells are on nodes {nodes}"
        # A cell without a node is a breach already.
        far = [0 if n is None else ~host.node_cpus.get(n, EMPTY).mask for n in nodes]
        for pin in one.plan.vcpus:
            if pin.cpus and pin.cell is not None and pin.cpus.mask & far[pin.cell]:
                yield f"{vm.name}: vCPU {pin.id} is not on node {nodes[pin.cell]} of its cell"


def the_vm_lies_on_a_node(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 5: without cells, numa: require keeps all vCPUs of a VM within one node."""
    for one in holders:
        pin = one.vm.pin
        if pin.numa != "require" or one.vm.numa.cells or pin.strategy == "manual":
            continue
        cpus = set(one.homes) if one.single else pinned(one) & host.online
        used = set(map(_node_of(host).get, cpus))
        if len(used) != 1:
            yield f"{one.vm.name}: numa: require, but it is on nodes {sorted(map(str, used))}"


def caches_hold_cells(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 6: l3: require keeps each cell (or the VM) within one known level 3 cache."""
    for one in holders:
        if one.vm.pin.l3 != "require" or one.vm.pin.strategy == "manual":
            continue
        cell_of = {pin.id: pin.cell for pin in one.plan.vcpus}
        caches: dict[int | None, set[int | None]] = {}
        for core, vcpus in on_cores(one).items():
            for vcpu in vcpus:
                caches.setdefault(cell_of[vcpu], set()).add(host.core_of[core].l3)
        if any(len(used) > 1 or None in used for used in caches.values()):
            yield f"{one.vm.name}: l3: require, but a cell is spread over caches"


def memory_fits(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rules 4 and 5: memory that a rule binds to a node fits it, huge pages by their size."""
    wanted: dict[tuple[int, int | None], int] = {}
    for one in holders:
        for where, kib, page in _bound_memory(one):
            wanted[where, page] = wanted.get((where, page), 0) + kib
    has = {node.id: node for node in host.nodes} if wanted else {}
    found = []
    for (where, page), kib in wanted.items():
        node = has[where]
        left = node.plain_kib if page is None else dict(node.hugepages).get(page, 0) * page
        if left is not None and kib > left:  # unknown memory is not checked
            kind = "" if page is None else f" of {page} KiB pages"
            found.append(f"node {where} has {left} KiB{kind} for {kib} KiB")
    yield from sorted(found)


def _bound_memory(one: Holder) -> list[tuple[int, int, int | None]]:
    """Return (node, KiB, page size) of the memory that a rule binds."""
    vm, plan = one.vm, one.plan
    if vm.pin.strategy == "manual":
        return []
    if not vm.numa.cells:
        if vm.pin.numa != "require" or plan.memory_nodes is None or not plan.memory_nodes.mask:
            return []
        return [(plan.memory_nodes.first, vm.memory_kib, vm.memory_backing.hugepages_kib)]
    if vm.numa.mode != "strict":
        return []
    return [
        (cell.host_node, cell.memory_kib, asked.hugepages_kib)
        for cell, asked in zip(plan.cells, vm.numa.cells, strict=True)
        if cell.host_node is not None
    ]


def overcommit_holds(host: Host, holders: Sequence[Holder]) -> Iterator[str]:
    """Rule 8: shared vCPUs number at most overcommit times the CPUs that they float on.

    That holds for the shared set, and for the part of it on a node that cells are bound to.
    """
    shared = host.policy.shared & host.online
    floating: dict[CpuSet, int] = {shared: 0}
    for one in holders:
        if one.vm.pin.strategy not in ("shared", "mixed"):
            continue
        for pin in one.plan.vcpus:
            if pin.dedicated or not pin.cpus:
                continue
            floating[pin.cpus] = floating.get(pin.cpus, 0) + 1
            if not pin.cpus <= shared:
                yield f"{one.vm.name}: vCPU {pin.id} floats outside of the shared set"
    for cpus in floating:
        count = sum(here for part, here in floating.items() if part <= cpus)
        if count > host.policy.carries(len(cpus)):
            yield f"{count} shared vCPUs on {len(cpus)} shared CPUs ({cpus})"
