"""hwloc XML (lstopo --of xml), versions 1, 2 and 3, to a `Host`.

Source: hwloc.dtd, hwloc2.dtd and the hwloc documentation, "Importing and exporting topologies
from/to XML files". Objects carry their CPUs as OS indexes, so that their nesting does not matter:
packages may stand inside or outside of groups and nodes. hwloc gives a memory-only node the CPUs of
its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet
from kvmc.diagnostics import Outcome
from kvmc.host.assemble import assemble
from kvmc.host.facts import CpuFacts, Facts
from kvmc.host.hwloc_kinds import read_kinds
from kvmc.host.hwloc_nodes import memory_kib, read_nodes
from kvmc.host.tree import ignored
from kvmc.host.xmlfile import XmlReader, parse_xml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxml.etree import _Element

    from kvmc.host.model import Host

_INSTRUCTION = "2"
_LEVEL = "3"


def read_hwloc(xml: bytes, name: str, file: str) -> Outcome[Host]:
    """Return the host of an lstopo XML. Fails with KV400-KV403; KV413 names ignored values."""
    parsed = parse_xml(xml, "topology", file, "the output of lstopo --of xml")
    if parsed.value is None:
        return Outcome(None, parsed.diagnostics)
    root, reader = parsed.value, XmlReader()
    machine = root.find("object")
    online = _online(reader, root, machine)
    nodes = read_nodes(reader, root)
    facts = Facts(
        name=name,
        file=file,
        arch=_info(root, "Architecture"),
        model=_info(root, "CPUModel"),
        cpus=_cpus(reader, root, online),
        nodes=nodes,
        overlaps=True,
        kinds=read_kinds(reader, root),
        memory_kib=None if machine is None else memory_kib(reader, machine),
        offline=_machine(reader, machine, "complete_cpuset") - online,
        allowed_cpus=_machine(reader, machine, "allowed_cpuset") or None,
        allowed_nodes=_machine(reader, machine, "allowed_nodeset") or None,
    )
    outcome = assemble(facts)
    return Outcome(outcome.value, (*outcome.diagnostics, *ignored(reader.bad, file)))


def _machine(reader: XmlReader, machine: _Element | None, name: str) -> CpuSet:
    if machine is None:
        return EMPTY
    return reader.cpus(machine, name, mask=True) or EMPTY


def _online(reader: XmlReader, root: _Element, machine: _Element | None) -> CpuSet:
    """Return the online CPUs; version 1 may hold offline ones and then says so in online_cpuset."""
    found = (reader.id(pu, "os_index") for pu in _objects(root, "PU"))
    cpus = CpuSet(cpu for cpu in found if cpu is not None)
    online = _machine(reader, machine, "online_cpuset")
    return cpus & online if online else cpus


def _info(root: _Element, name: str) -> str | None:
    values = (
        info.get("value", "").strip() for info in root.iter("info") if info.get("name") == name
    )
    return next((value for value in values if value), None)


def _objects(root: _Element, *types: str) -> Iterable[_Element]:
    return (element for element in root.iter("object") if element.get("type") in types)


def _is_l3(element: _Element) -> bool:
    """Tell a level 3 cache that holds data: `L3Cache`, or `Cache` of depth 3 in version 1."""
    if element.get("cache_type") == _INSTRUCTION:
        return False
    kind = element.get("type")
    return kind == "L3Cache" or (kind == "Cache" and element.get("depth") == _LEVEL)


def _sets(
    reader: XmlReader, elements: Iterable[_Element], online: CpuSet
) -> list[tuple[int | None, CpuSet]]:
    """Return (OS index, online CPUs) of objects, without those that have none."""
    found = [
        (
            reader.natural(element, "os_index"),
            (reader.cpus(element, "cpuset", mask=True) or EMPTY) & online,
        )
        for element in elements
    ]
    return [(index, cpus) for index, cpus in found if cpus]


def _cpus(reader: XmlReader, root: _Element, online: CpuSet) -> tuple[CpuFacts, ...]:
    cores = _owners(_sets(reader, _objects(root, "Core"), online))
    packages = _owners(_sets(reader, _objects(root, "Package", "Socket"), online))
    dies = _owners(_sets(reader, _objects(root, "Die"), online))
    caches = _owners(_sets(reader, filter(_is_l3, root.iter("object")), online))
    nothing = (None, None)
    return tuple(
        CpuFacts(
            id=cpu,
            siblings=cores.get(cpu, nothing)[1],
            package_id=packages.get(cpu, nothing)[0],
            package_cpus=packages.get(cpu, nothing)[1],
            die_id=dies.get(cpu, nothing)[0],
            die_cpus=dies.get(cpu, nothing)[1],
            l3=caches.get(cpu, nothing)[1],
        )
        for cpu in online
    )


def _owners(sets: list[tuple[int | None, CpuSet]]) -> dict[int, tuple[int | None, CpuSet]]:
    return {cpu: (index, cpus) for index, cpus in sets for cpu in cpus}
