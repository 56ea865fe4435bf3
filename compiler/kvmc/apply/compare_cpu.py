"""What a domain XML says of the CPU the guest sees: model, topology, cells, and features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.apply.compare_xml import attribute, ceiling, cpus, every, first, natural, size
from kvmc.spec.model import Topology
from kvmc.words import many

if TYPE_CHECKING:
    from kvmc.render.xmltree import Element

_UNCHECKED = ("host-passthrough", "maximum")
_LOCAL, _REMOTE = 10, 20
"""SLIT distances where none are given (virDomainNumaDefNodeDistanceParseXML)."""


def cpu_facts(domain: Element) -> dict[str, str]:
    """Return path -> value for <cpu> and <features>; what libvirt fills in by itself is absent.

    A domain without a <topology> has a socket for each vCPU: that is what QEMU gets then
    (qemuBuildSmpCommandLine).
    """
    cpu = first(domain, "cpu")
    checked = domain.get("type") != "qemu"
    facts = {} if cpu is None else _model(cpu, checked=checked) | _cells(cpu)
    topology = first(cpu, "topology")
    given = Topology(sockets=ceiling(domain)) if topology is None else _topology(topology)
    return facts | {"cpu/topology": topology_words(given)} | _features(domain)


def topology_words(given: Topology) -> str:
    """Return `3 sockets, 1 core, 2 threads`; dies and clusters only where there are several."""
    counts = [("socket", given.sockets), ("die", given.dies), ("cluster", given.clusters)]
    named = [(word, n) for word, n in counts if n > 1 or word == "socket"]
    named += [("core", given.cores), ("thread", given.threads)]
    return ", ".join(many(n, word) for word, n in named)


def _topology(element: Element) -> Topology:
    names = ("sockets", "dies", "clusters", "cores", "threads")
    return Topology(**{name: natural(element.get(name)) or 1 for name in names})


def _model(cpu: Element, *, checked: bool) -> dict[str, str]:
    """Return mode, model and features, without the defaults libvirt writes out by itself.

    `checked`: whether a custom model is held against the host's CPU unless the XML says otherwise,
    which it is not under TCG (qemuDomainDefCPUPostParse). libvirt keeps a fallback only beside a
    model's name (virCPUDefFormatBuf), and only mode custom is given one.
    """
    model = first(cpu, "model")
    mode = cpu.get("mode") or ("custom" if model is not None and model.text else None)
    defaults = {
        "match": "exact",
        "check": _check(mode, checked=checked),
        "migratable": "on",
    }
    facts = {} if mode is None else {"cpu/mode": mode}
    for name, default in defaults.items():
        if (cpu.get(name) or default) != default:
            facts[f"cpu/{name}"] = cpu.get(name) or ""
    if model is not None and model.text:
        facts["cpu/model"] = model.text
    if mode == "custom" and attribute(model, "fallback") == "forbid":
        facts["cpu/fallback"] = "forbid"
    vendor = first(cpu, "vendor")
    if vendor is not None:
        facts["cpu/vendor"] = vendor.text
    for cache in cpu.all("cache"):
        facts["cpu/cache"] = " ".join(filter(None, (cache.get("mode"), _level(cache))))
    for one in cpu.all("feature"):
        facts[f"cpu/feature/{one.get('name')}"] = one.get("policy") or "require"
    return facts


def _check(mode: str | None, *, checked: bool) -> str:
    """Return what libvirt fills in for check=."""
    unchecked = mode in _UNCHECKED or (mode == "custom" and not checked)
    return "none" if unchecked else "partial"


def _level(cache: Element) -> str | None:
    level = cache.get("level")
    return None if level is None else f"level {level}"


def _cells(cpu: Element) -> dict[str, str]:
    facts: dict[str, str] = {}
    cells = list(every(cpu, "numa/cell"))
    for position, cell in enumerate(cells):
        path = f"cpu/numa/{cell.get('id') or position}"
        found = {
            "cpus": cpus(cell.get("cpus")),
            "memory": size(cell.get("memory"), cell.get("unit")),
            "access": cell.get("memAccess"),
            "discard": "yes" if cell.get("discard") == "yes" else None,
        }
        facts |= {f"{path}/{name}": value for name, value in found.items() if value is not None}
    return facts | _distances(cells)


def _distances(cells: list[Element]) -> dict[str, str]:
    """Return `0-1: 21, ...` for distances that are not the default; libvirt mirrors a lone one."""
    given = {
        (natural(cell.get("id")) or 0, natural(one.get("id")) or 0): natural(one.get("value"))
        for cell in cells
        for one in every(cell, "distances/sibling")
    }
    ids = sorted(natural(cell.get("id")) or 0 for cell in cells)
    parts = []
    for one in ids:
        for other in ids:
            default = _LOCAL if one == other else _REMOTE
            value = given.get((one, other), given.get((other, one))) or default
            parts += [] if value == default else [f"{one}-{other}: {value}"]
    return {"cpu/numa/distances": ", ".join(parts)} if parts else {}


def _features(domain: Element) -> dict[str, str]:
    paths = ("kvm/hidden", "kvm/hint-dedicated", "pmu")
    found = ((path, first(domain, f"features/{path}")) for path in paths)
    return {f"features/{p}": e.get("state") or "on" for p, e in found if e is not None}
