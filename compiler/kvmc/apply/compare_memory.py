"""What a domain XML says of memory: size, backing, and the host nodes it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.apply.compare_xml import attribute, cpus, every, first, kib, size
from kvmc.cpuset import EMPTY, CpuSet, CpuSetError, span
from kvmc.units import format_kib

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmc.render.xmltree import Element

_DEFAULT = "default size"


def memory_facts(domain: Element) -> dict[str, str]:
    """Return path -> value for memory, memoryBacking and numatune; libvirt's defaults are absent.

    With guest cells libvirt recomputes <memory> as their sum and the memory devices, so that the
    cells are what counts (virDomainDefPostParseMemory).
    """
    memory = first(domain, "memory")
    given = kib(memory.text, memory.get("unit")) if memory else None
    cells = [kib(cell.get("memory"), cell.get("unit")) for cell in every(domain, "cpu/numa/cell")]
    total = sum(cell or 0 for cell in cells) if cells else given
    facts = {} if total is None else {"memory": format_kib(total)}
    current = first(domain, "currentMemory")
    now = kib(current.text, current.get("unit")) if current else None
    if total is not None:
        facts["currentMemory"] = format_kib(now or total)
    return facts | _backing(domain) | _numatune(domain)


def _backing(domain: Element) -> dict[str, str]:
    found = {
        "hugepages": _pages(domain),
        "source": attribute(first(domain, "memoryBacking/source"), "type"),
        "access": attribute(first(domain, "memoryBacking/access"), "mode"),
        "allocation": attribute(first(domain, "memoryBacking/allocation"), "mode"),
    }
    for flag in ("nosharepages", "locked"):
        found[flag] = "yes" if first(domain, f"memoryBacking/{flag}") else None
    return {f"memoryBacking/{name}": value for name, value in found.items() if value is not None}


def _pages(domain: Element) -> str | None:
    """Return `2MiB`, or `1GiB for cells 0, 2MiB for cells 1`: what each guest cell has."""
    if first(domain, "memoryBacking/hugepages") is None:
        return None
    pages = list(every(domain, "memoryBacking/hugepages/page"))
    if not pages:
        return _DEFAULT
    cells = span(sum(1 for _ in every(domain, "cpu/numa/cell")) or 1)
    found = _page_of_cells(pages, cells)
    sizes = {own: CpuSet(c for c, its in found.items() if its == own) for own in found.values()}
    if list(sizes.values()) == [cells]:
        return next(iter(sizes))
    return ", ".join(f"{own} for cells {sizes[own]}" for own in sorted(sizes))


def _page_of_cells(pages: Iterable[Element], cells: CpuSet) -> dict[int, str]:
    """Return cell -> its page size; a page without a nodeset is for cells that no other names."""
    found: dict[int, str] = {}
    for page in sorted(pages, key=lambda one: one.get("nodeset") is not None):
        text = size(page.get("size"), page.get("unit")) or _DEFAULT
        found |= dict.fromkeys(cells & _cells(page.get("nodeset"), cells), text)
    return found


def _cells(text: str | None, every_one: CpuSet) -> CpuSet:
    """Return a nodeset; all cells where there is none, no cell where it is not one."""
    try:
        return every_one if text is None else CpuSet.parse(text)
    except CpuSetError:
        return EMPTY


def _numatune(domain: Element) -> dict[str, str]:
    facts = {}
    memory = first(domain, "numatune/memory")
    if memory is not None:
        facts["numatune/memory"] = _bound(memory)
    for node in every(domain, "numatune/memnode"):
        facts[f"numatune/memnode/{node.get('cellid')}"] = _bound(node)
    return facts


def _bound(element: Element) -> str:
    nodes = cpus(element.get("nodeset"))
    where = nodes if nodes is not None else element.get("placement") or ""
    return f"{element.get('mode') or 'strict'} {where}".strip()
