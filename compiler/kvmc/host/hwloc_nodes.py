"""NUMA nodes of hwloc XML: CPUs, memory, pages and the distance matrix in its three forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY
from kvmc.host.facts import NodeFacts

if TYPE_CHECKING:
    from lxml.etree import _Element

    from kvmc.host.xmlfile import XmlReader

_TYPES = ("NUMANode", "Node")
_MEANS_LATENCY = 4
"""HWLOC_DISTANCES_KIND_MEANS_LATENCY of hwloc/distances.h."""
_BASE_PAGE_LIMIT = 64 * 1024
_MAX_NODES = 1024
_Distances = dict[int, tuple[tuple[int, int], ...]]


def read_nodes(reader: XmlReader, root: _Element) -> tuple[NodeFacts, ...]:
    """Return the nodes in the order in which they claim CPUs: narrowest first, then as written.

    A memory-only node has the CPUs of its neighbours, and stands after the node that they belong
    to or spans several such nodes.
    """
    distances = _matrix_v2(reader, root) or _matrix_v1(reader, root)
    base = _base_page(reader, root)
    nodes: dict[int, NodeFacts] = {}
    for element in _nodes(root):
        node = reader.id(element, "os_index")
        if node is not None:
            nodes.setdefault(
                node,
                NodeFacts(
                    id=node,
                    cpus=reader.cpus(element, "cpuset", mask=True) or EMPTY,
                    memory_kib=memory_kib(reader, element),
                    hugepages=_pages(reader, element, base),
                    distances=distances.get(node, ()),
                ),
            )
    return tuple(sorted(nodes.values(), key=lambda node: len(node.cpus)))


def memory_kib(reader: XmlReader, element: _Element) -> int | None:
    """Return local_memory (bytes in the file) in KiB; hwloc writes none where it knows none."""
    size = reader.natural(element, "local_memory")
    return None if size is None else size // 1024


def _nodes(root: _Element) -> list[_Element]:
    return [element for element in root.iter("object") if element.get("type") in _TYPES]


def _base_page(reader: XmlReader, root: _Element) -> int | None:
    """Return the base page in bytes: the smallest of the file, unless only huge ones are listed."""
    sizes = [size for page in root.iter("page_type") if (size := reader.natural(page, "size"))]
    return min(sizes) if sizes and min(sizes) <= _BASE_PAGE_LIMIT else None


def _pages(reader: XmlReader, element: _Element, base: int | None) -> tuple[tuple[int, int], ...]:
    found = {}
    for page in element.iterfind("page_type"):
        size, count = reader.natural(page, "size"), reader.natural(page, "count")
        if size and count is not None and size != base:
            found[size // 1024] = count
    return tuple(sorted(found.items()))


def _matrix_v2(reader: XmlReader, root: _Element) -> _Distances:
    """Read <distances2>: indexes and values as lists of numbers, one matrix for each kind."""
    for element in root.iterfind("distances2"):
        kind = reader.natural(element, "kind") or 0
        if element.get("type") not in _TYPES or element.get("indexing") != "os":
            continue
        if element.get("name", "NUMALatency") != "NUMALatency" or not kind & _MEANS_LATENCY:
            continue
        ids = _numbers(element, "indexes")
        values = _numbers(element, "u64values")
        if ids and len(values) == len(ids) ** 2:
            return _rows(ids, values)
        reader.bad.append("distances2 of NUMANode")
    return {}


def _numbers(element: _Element, tag: str) -> list[int]:
    words = " ".join(part.text or "" for part in element.iterfind(tag)).split()
    valid = all(word.isascii() and word.isdigit() and len(word) < 10 for word in words)  # noqa: PLR2004 - distances are bytes
    return [int(word) for word in words] if valid and len(words) <= _MAX_NODES**2 else []


def _matrix_v1(reader: XmlReader, root: _Element) -> _Distances:
    """Read <distances> of version 1: relative values in the order of the nodes below its object."""
    for element in root.iter("distances"):
        parent = element.getparent()
        if parent is None:
            continue
        ids = [reader.id(node, "os_index") for node in _nodes(parent)]
        known = [node for node in ids if node is not None]
        values = [_scaled(cell, element) for cell in element.iterfind("latency")]
        if known and len(known) == len(ids) and len(values) == len(ids) ** 2 and None not in values:
            return _rows(known, [value for value in values if value is not None])
    return {}


def _scaled(cell: _Element, matrix: _Element) -> int | None:
    try:
        value = float(cell.get("value", "")) * float(matrix.get("latency_base", ""))
    except ValueError:
        return None
    return round(value) if 0 <= value < 10**6 else None


def _rows(ids: list[int], values: list[int]) -> _Distances:
    width = len(ids)
    return {
        node: tuple(zip(ids, values[row * width : (row + 1) * width], strict=True))
        for row, node in enumerate(ids)
    }
