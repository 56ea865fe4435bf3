"""-m, -object memory-backend-* and -numa: how much memory there is, of what kind, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.cpuset import CpuSet
from kvmc.render.qemu_options import option, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.planner.model import VmPlan
    from kvmc.render.qemu_options import Option, Value
    from kvmc.spec.model import Cell, NumaMode, Vm

FILE_FOLDER = "/dev/shm"  # noqa: S108 - a folder makes QEMU open a nameless file in it
"""Where source `file` keeps memory: what libvirt's memory_backing_dir is to libvirt."""

_MIB = 1024
_BASE_PAGE_KIB = 4
_POLICIES = {"strict": "bind", "preferred": "preferred", "interleave": "interleave"}
_LOCAL, _REMOTE = 10, 20
"""ACPI SLIT: to itself, and where nothing is said (libvirt's REMOTE_DISTANCE)."""
_RAM_IDS = {
    "x86_64": "pc.ram",
    "i686": "pc.ram",
    "aarch64": "mach-virt.ram",
    "arm": "mach-virt.ram",
    "ppc64": "ppc_spapr.ram",
    "riscv64": "riscv_virt_board.ram",
    "s390x": "s390.ram",
}
"""QEMU's own names of main memory (query-machines, default-ram-id): migration knows it by them."""


class Ram(Struct, frozen=True, kw_only=True):
    """One memory backend; sizes in KiB, a page of None is a normal one."""

    id: str
    kib: int
    shared: bool | None
    page_kib: int | None
    discard: bool | None = None
    nodes: CpuSet
    """Host nodes; empty: not bound."""
    policy: str | None


def ram_id(vm: Vm, arch: str) -> str | None:
    """Return the id of main memory for -machine memory-backend; None where cells have their own."""
    return None if vm.numa.cells else _RAM_IDS.get(arch, "ram")


def memory_options(vm: Vm, plan: VmPlan, arch: str) -> Iterator[Option]:
    """Yield -m, the backends and the cells, each whole number of MiB as libvirt rounds them."""
    rams = _rams(vm, plan, arch)
    yield option("-m", ("size", size(sum(ram.kib for ram in rams))))
    for ram in rams:
        yield from _backend(vm, ram)
    for cell, ram in zip(vm.numa.cells, rams, strict=False):
        yield _node(cell, ram.id)
    yield from _distances(vm.numa.cells)


def _rams(vm: Vm, plan: VmPlan, arch: str) -> tuple[Ram, ...]:
    backing = vm.memory_backing
    main = ram_id(vm, arch)
    if main is not None:
        nodes, policy = _bound(plan.memory_nodes, plan.memory_mode)
        page = _page(backing.hugepages_kib)
        one = Ram(id=main, kib=_whole_mib(vm.memory_kib), shared=_shared(backing.access),
                  page_kib=page, nodes=nodes, policy=policy)  # fmt: skip
        return (one,)
    return tuple(_cell_ram(vm, plan, cell) for cell in vm.numa.cells)


def _cell_ram(vm: Vm, plan: VmPlan, cell: Cell) -> Ram:
    """Return a cell's memory: bound to its own host node, else as the whole VM is bound."""
    own = {planned.id: planned.host_node for planned in plan.cells}.get(cell.id)
    if own is None:
        nodes, policy = _bound(plan.memory_nodes, plan.memory_mode)
    else:
        nodes, policy = _bound(CpuSet((own,)), vm.numa.mode)
    return Ram(
        id=f"ram-node{cell.id}",
        kib=_whole_mib(cell.memory_kib),
        shared=_shared(cell.access or vm.memory_backing.access),
        page_kib=_page(cell.hugepages_kib),
        discard=cell.discard,
        nodes=nodes,
        policy=policy,
    )


def _bound(nodes: CpuSet | None, mode: NumaMode | None) -> tuple[CpuSet, str | None]:
    """Return host nodes and QEMU's policy; `restrictive` is a cgroup's affair, not QEMU's."""
    policy = _POLICIES.get(mode or "strict")
    return (nodes, policy) if nodes and policy else (CpuSet(), None)


def _whole_mib(kib: int) -> int:
    return -(-kib // _MIB) * _MIB


def _shared(access: str | None) -> bool | None:
    return None if access is None else access == "shared"


def _page(kib: int | None) -> int | None:
    """Return a huge page's size; a `huge` page of normal size is none (libvirt does the same)."""
    return None if kib == _BASE_PAGE_KIB else kib


def _backend(vm: Vm, ram: Ram) -> Iterator[Option]:
    """Yield the backend, after the context that makes its preallocation run on its nodes.

    A thread-context takes QEMU 7.2; libvirt adds one in the same case (8.10.0).
    """
    # libvirt preallocates huge pages in any case: a fault without a free page kills the guest
    prealloc = vm.memory_backing.allocation == "immediate" or ram.page_kib is not None
    context = f"tc-{ram.id}" if prealloc and ram.nodes else None
    if context:
        nodes = _list("node-affinity", ram.nodes)
        yield option("-object", ("id", context), *nodes, head="thread-context")
    kind, properties = _kind(vm, ram)
    yield option(
        "-object",
        ("id", ram.id),
        ("size", size(ram.kib)),
        *properties,
        ("prealloc", True if prealloc else None),
        ("prealloc-context", context),
        *_list("host-nodes", ram.nodes),
        ("policy", ram.policy),
        head=f"memory-backend-{kind}",
    )


def _kind(vm: Vm, ram: Ram) -> tuple[str, tuple[tuple[str, Value], ...]]:
    """Return the backend's type and what only it takes.

    Huge pages come through memfd, which needs no mount (libvirt takes a file on hugetlbfs, unless
    the source is memfd). A memfd is shared unless told otherwise, the other two are private.
    """
    source = vm.memory_backing.source
    if ram.page_kib is not None:
        shared = ram.shared if ram.shared is not None else source == "memfd"
        page = size(ram.page_kib)
        return "memfd", (("share", shared), ("hugetlb", True), ("hugetlbsize", page))
    if source == "file":
        file = (("mem-path", FILE_FOLDER), ("share", ram.shared), ("discard-data", ram.discard))
        return "file", file
    if source == "memfd" or ram.shared:
        return "memfd", (("share", ram.shared if ram.shared is not None else True),)
    return "ram", (("share", ram.shared),)


def _list(key: str, ids: CpuSet) -> tuple[tuple[str, Value], ...]:
    """Return a list of ranges: QEMU takes the key once for each (qapi uint16List)."""
    return tuple((key, _range(first, last)) for first, last in ids.ranges())


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _node(cell: Cell, ram: str) -> Option:
    cpus = _list("cpus", cell.cpus)
    return option("-numa", ("nodeid", cell.id), *cpus, ("memdev", ram), head="node")


def _distances(cells: tuple[Cell, ...]) -> Iterator[Option]:
    """Yield the whole matrix once one distance is given, as libvirt does.

    What is given one way only holds both ways (virDomainNumaDefNodeDistanceParseXML).
    """
    given = {(cell.id, other): value for cell in cells for other, value in cell.distances}
    if not given or len(cells) == 1:
        return
    for source in cells:
        for target in cells:
            default = _LOCAL if source.id == target.id else _REMOTE
            back = given.get((target.id, source.id), default)
            value = given.get((source.id, target.id), back)
            yield option("-numa", ("src", source.id), ("dst", target.id), ("val", value),
                         head="dist")  # fmt: skip
