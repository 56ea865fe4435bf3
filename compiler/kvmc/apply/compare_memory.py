"""What a domain XML says of memory: size, backing, and the host nodes it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.apply.compare_xml import attribute, cpus, every, first, kib, size
from kvmc.units import format_kib

if TYPE_CHECKING:
    from kvmc.render.xmltree import Element


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
    """Return `2MiB`, or `1GiB for cells 0, 2MiB for cells 1`.

    A nodeset of all cells says nothing.
    """
    if first(domain, "memoryBacking/hugepages") is None:
        return None
    count = len(tuple(every(domain, "cpu/numa/cell")))
    everyone = cpus(f"0-{count - 1}") if count else "0"
    parts = []
    for page in every(domain, "memoryBacking/hugepages/page"):
        nodes = cpus(page.get("nodeset"))
        text = size(page.get("size"), page.get("unit")) or "default size"
        parts.append(text if nodes in (None, everyone) else f"{text} for cells {nodes}")
    return ", ".join(sorted(parts)) or "default size"


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
