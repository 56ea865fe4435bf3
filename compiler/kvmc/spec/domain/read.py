"""<domain> to `Domain`: names, counts, memory, features; CPU and threads have their own modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmc.diagnostics import Outcome
from kvmc.spec.domain.cpu import read_cpu
from kvmc.spec.domain.machine import read_machine
from kvmc.spec.domain.model import HOST_DEFAULT_PAGE, Binding, Domain
from kvmc.spec.domain.threads import read_threads
from kvmc.spec.domain.xml import Reader, attribute, parse_domain, text_of
from kvmc.spec.model import Features

if TYPE_CHECKING:
    from lxml.etree import _Element

    from kvmc.spec.domain.model import Access, Allocation, Source
    from kvmc.spec.model import Cell, NumaMode

_MODES: tuple[NumaMode, ...] = ("strict", "preferred", "interleave", "restrictive")
_SOURCES: tuple[Source, ...] = ("anonymous", "file", "memfd")
_ACCESS: tuple[Access, ...] = ("shared", "private")
_ALLOCATION: tuple[Allocation, ...] = ("immediate", "ondemand")
_MAX_VCPUS = 4096
"""As the schema has it; a number from outside must not make millions of pins."""


def read_domain(xml: bytes, file: str) -> Outcome[Domain]:
    """Return what a domain XML says of what kvmc owns.

    Errors: KV640-KV642 where it is no domain XML, KV643 for each value that cannot be read.
    """
    parsed = parse_domain(xml, file)
    if parsed.value is None:
        return Outcome(None, parsed.diagnostics)
    root, reader = parsed.value, Reader(file)
    name, ceiling = text_of(root, "name"), _ceiling(root, reader)
    if not name:
        reader.wrong("name", name)
    cpu = read_cpu(root, ceiling, reader)
    cells: tuple[Cell, ...] = cpu["cells"]
    domain = Domain(
        name=name or "",
        ceiling=ceiling,
        **_memory(root, reader, cells),
        **cpu,
        **read_threads(root, ceiling, reader),
        **_backing(root, reader, cells),
        **_bindings(root, reader, cells),
        hypervisor=_hypervisor(root, reader),
        machine=read_machine(root),
    )
    return Outcome(None if reader.found else domain, tuple(dict.fromkeys(reader.found)))


def _ceiling(root: _Element, reader: Reader) -> int:
    text = text_of(root, "vcpu")
    ceiling = reader.natural("vcpu", text)
    if ceiling is not None and not 1 <= ceiling <= _MAX_VCPUS:
        reader.wrong("vcpu", text)
        return 1
    return ceiling or 1


def _memory(root: _Element, reader: Reader, cells: tuple[Cell, ...]) -> dict[str, Any]:
    """Return memory and what the balloon leaves; cells and DIMMs count, whatever <memory> says."""
    given = reader.kib("memory", text_of(root, "memory"), attribute(root, "memory", "unit"))
    if given is None and not reader.found and not cells:
        reader.wrong("memory", None)
    memory = sum(cell.memory_kib for cell in cells) or given or 0
    total = memory
    for size in root.iterfind("devices/memory/target/size"):
        total += reader.kib("the size of a memory device", size.text, size.get("unit")) or 0
    text, unit = text_of(root, "currentMemory"), attribute(root, "currentMemory", "unit")
    current = reader.kib("currentMemory", text, unit) or given or total
    return {"memory_kib": memory, "current_kib": min(current, total)}


def _backing(root: _Element, reader: Reader, cells: tuple[Cell, ...]) -> dict[str, Any]:
    backing = "memoryBacking"
    default, by_cell = _pages(root, reader)
    sizes = tuple(by_cell.get(cell.id, default) for cell in cells)
    page = default if not cells else sizes[0] if len(set(sizes)) == 1 else None
    return {
        "page_kib": page,
        "cell_pages": sizes,
        "locked": root.find(f"{backing}/locked") is not None,
        "nosharepages": root.find(f"{backing}/nosharepages") is not None,
        "source": reader.word(
            "memoryBacking/source", attribute(root, f"{backing}/source", "type"), _SOURCES
        ),
        "access": reader.word(
            "memoryBacking/access", attribute(root, f"{backing}/access", "mode"), _ACCESS
        ),
        "allocation": reader.word(
            "memoryBacking/allocation",
            attribute(root, f"{backing}/allocation", "mode"),
            _ALLOCATION,
        ),
    }


def _pages(root: _Element, reader: Reader) -> tuple[int | None, dict[int, int]]:
    """Return the size of pages for all memory, and cell -> its own."""
    group = root.find("memoryBacking/hugepages")
    if group is None:
        return None, {}
    pages = group.findall("page")
    default = None if pages else HOST_DEFAULT_PAGE
    by_cell: dict[int, int] = {}
    for page in pages:
        size = reader.kib("the size of a huge page", page.get("size"), page.get("unit"))
        nodes = reader.cpus("hugepages/page@nodeset", page.get("nodeset"))
        if size is None:
            reader.wrong("the size of a huge page", page.get("size"))
        elif nodes is None:
            default = size
        else:
            by_cell |= dict.fromkeys(nodes, size)
    return default, by_cell


def _bindings(root: _Element, reader: Reader, cells: tuple[Cell, ...]) -> dict[str, Any]:
    memory = root.find("numatune/memory")
    whole = Binding() if memory is None else _binding(memory, reader)
    own = {
        reader.natural("memnode@cellid", node.get("cellid")): _binding(node, reader)
        for node in root.iterfind("numatune/memnode")
    }
    return {"binding": whole, "cell_bindings": tuple(own.get(cell.id, whole) for cell in cells)}


def _binding(element: _Element, reader: Reader) -> Binding:
    mode = reader.word("the mode of numatune", element.get("mode"), _MODES)
    nodes = reader.cpus("the nodeset of numatune", element.get("nodeset"))
    auto = element.get("placement") == "auto"
    if nodes is None and not auto:
        return Binding()
    return Binding(mode=mode or "strict", nodes=None if auto else nodes, auto=auto)


def _hypervisor(root: _Element, reader: Reader) -> Features:
    paths = ("kvm/hidden", "kvm/hint-dedicated", "pmu")
    hidden, hint, pmu = (
        reader.switch(f"features/{path}@state", attribute(root, f"features/{path}", "state"))
        for path in paths
    )
    return Features(kvm_hidden=hidden, kvm_hint_dedicated=hint, pmu=pmu)
