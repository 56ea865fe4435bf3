"""libvirt capabilities XML to a `Host`.

Source: libvirt formatcaps, <host><topology><cells> and <host><cache>. libvirt tells neither which
CPUs are offline or isolated nor the kinds of cores; its CPU model is a name for guests, not the
processor's, and is not taken over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet, union
from kvmc.diagnostics import Outcome
from kvmc.host.assemble import assemble
from kvmc.host.facts import CpuFacts, Facts, NodeFacts
from kvmc.host.tree import ignored
from kvmc.host.xmlfile import XmlReader, parse_xml
from kvmc.units import SizeError, parse_kib

if TYPE_CHECKING:
    from lxml.etree import _Element

    from kvmc.host.model import Host

_BASE_PAGE_LIMIT = 64
"""The largest base page of any Linux, in KiB."""
_L3_TYPES = ("both", "data", None)


def read_capabilities(xml: bytes, name: str, file: str) -> Outcome[Host]:
    """Return the host of `virsh capabilities`. Fails: KV400-KV403; KV413: ignored values."""
    parsed = parse_xml(xml, "capabilities", file, "the output of virsh capabilities")
    if parsed.value is None:
        return Outcome(None, parsed.diagnostics)
    root, reader = parsed.value, XmlReader()
    cells = root.findall("host/topology/cells/cell")
    cpus = _cpus(reader, cells, _banks(reader, root))
    facts = Facts(
        name=name,
        file=file,
        arch=_arch(root),
        cpus=cpus,
        nodes=_nodes(reader, root, cells),
    )
    outcome = assemble(facts)
    return Outcome(outcome.value, (*outcome.diagnostics, *ignored(reader.bad, file)))


def _arch(root: _Element) -> str | None:
    """Return the machine name; libvirt prints `unknown` where it does not know it either."""
    arch = (root.findtext("host/cpu/arch") or "").strip()
    return arch if arch not in ("", "unknown") else None


def _banks(reader: XmlReader, root: _Element) -> tuple[CpuSet, ...]:
    """Return the sets of CPUs that share a level 3 cache."""
    banks = (
        bank
        for bank in root.iterfind("host/cache/bank")
        if bank.get("level") == "3" and bank.get("type") in _L3_TYPES
    )
    sets = (reader.cpus(bank, "cpus", mask=False) for bank in banks)
    return tuple(cpus for cpus in sets if cpus)


def _cpus(
    reader: XmlReader,
    cells: list[_Element],
    banks: tuple[CpuSet, ...],
) -> tuple[CpuFacts, ...]:
    """Return every CPU once; where cells overlap, the first cell that describes it counts."""
    found: dict[int, _Element] = {}
    for element in (cpu for cell in cells for cpu in cell.iterfind("cpus/cpu")):
        cpu = reader.id(element, "id")
        if cpu is not None:
            found.setdefault(cpu, element)
    online = CpuSet(found)
    shared = {cpu: bank & online for bank in reversed(banks) for cpu in bank}
    facts = []
    for cpu in online:
        siblings = reader.cpus(found[cpu], "siblings", mask=False) or EMPTY
        facts.append(
            CpuFacts(
                id=cpu,
                siblings=siblings & online if cpu in siblings else None,
                package_id=reader.natural(found[cpu], "socket_id"),
                die_id=reader.natural(found[cpu], "die_id"),
                l3=shared.get(cpu),
            )
        )
    return tuple(facts)


def _nodes(reader: XmlReader, root: _Element, cells: list[_Element]) -> tuple[NodeFacts, ...]:
    base = _base_page(root)
    nodes: dict[int, NodeFacts] = {}
    for cell in cells:
        node = reader.id(cell, "id")
        if node is not None:
            nodes.setdefault(
                node,
                NodeFacts(
                    id=node,
                    cpus=union(CpuSet((cpu,)) for cpu in _ids(reader, cell)),
                    memory_kib=_kib(reader, cell.find("memory")),
                    hugepages=_pages(reader, cell, base),
                    distances=_distances(reader, cell),
                ),
            )
    return tuple(nodes[node] for node in sorted(nodes))


def _ids(reader: XmlReader, cell: _Element) -> list[int]:
    ids = (reader.id(cpu, "id") for cpu in cell.iterfind("cpus/cpu"))
    return [cpu for cpu in ids if cpu is not None]


def _distances(reader: XmlReader, cell: _Element) -> tuple[tuple[int, int], ...]:
    pairs = (
        (reader.id(one, "id"), reader.natural(one, "value"))
        for one in cell.iterfind("distances/sibling")
    )
    return tuple((node, far) for node, far in pairs if node is not None and far is not None)


def _kib(reader: XmlReader, element: _Element | None) -> int | None:
    """Return the text of <memory unit=>, in KiB (libvirt's default unit)."""
    if element is None:
        return None
    text = (element.text or "").strip() + element.get("unit", "KiB")
    try:
        return parse_kib(text)
    except SizeError:
        reader.bad.append(f"{element.tag} {text[:40]!r}")
        return None


def _page_kib(element: _Element) -> int | None:
    try:
        return parse_kib(element.get("size", "") + element.get("unit", "KiB"))
    except SizeError:
        return None


def _base_page(root: _Element) -> int | None:
    """Return the smallest page size, which is the base page and not a huge one."""
    sizes = [size for element in root.iterfind("host//pages") if (size := _page_kib(element))]
    return min(sizes) if sizes and min(sizes) <= _BASE_PAGE_LIMIT else None


def _pages(reader: XmlReader, cell: _Element, base: int | None) -> tuple[tuple[int, int], ...]:
    """Return (size in KiB, pages) of the huge page sizes."""
    found = {}
    for element in cell.iterfind("pages"):
        size, count = _page_kib(element), (element.text or "").strip()
        if size is None or not (count.isascii() and count.isdigit()):
            reader.bad.append(f"pages size={element.get('size', '')[:40]!r}")
        elif size != base:
            found[size] = int(count[:18])
    return tuple(sorted(found.items()))
