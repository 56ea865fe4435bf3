"""<cpu> of a domain: model, features, topology and guest NUMA cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kvmc.cpuset import EMPTY, CpuSet, union
from kvmc.spec.domain.xml import attribute, text_of
from kvmc.spec.model import Cell, CpuCache, Topology

if TYPE_CHECKING:
    from lxml.etree import _Element

    from kvmc.spec.domain.model import Access, Check, Fallback, Match
    from kvmc.spec.domain.xml import Reader
    from kvmc.spec.model import CpuMode

_MODES: tuple[CpuMode, ...] = ("custom", "host-model", "host-passthrough", "maximum")
_POLICIES = ("force", "require", "optional", "disable", "forbid")
_HOST_MODES: tuple[CpuMode, ...] = ("host-passthrough", "maximum")
_OWN = ("match", "check", "migratable")
_CHECKS: tuple[Check, ...] = ("none", "partial", "full")
_MATCHES: tuple[Match, ...] = ("minimum", "exact", "strict")
_FALLBACKS: tuple[Fallback, ...] = ("allow", "forbid")
_ACCESS: tuple[Access, ...] = ("shared", "private")
_LEVELS = ("sockets", "dies", "clusters", "cores", "threads")


def read_cpu(root: _Element, ceiling: int, reader: Reader) -> dict[str, Any]:
    """Return the fields of `Domain` that <cpu> has; without <cpu> those of libvirt's defaults.

    A <cpu> with a model and no mode is custom; one with neither has libvirt's default CPU, of
    which nothing here is kvmc's but cache, topology and cells.
    """
    cpu = root.find("cpu")
    model = text_of(root, "cpu/model") or None
    mode = reader.word("cpu@mode", attribute(root, "cpu", "mode"), _MODES)
    if mode in (None, "custom"):
        mode = "custom" if model else None
    given: dict[str, str | None] = {} if cpu is None else {k: cpu.get(k) for k in _OWN}
    host = mode in _HOST_MODES
    return {
        "mode": mode,
        "model": model if mode == "custom" else None,
        "fallback": _fallback(root, mode, reader),
        "vendor_id": attribute(root, "cpu/model", "vendor_id"),
        "vendor": text_of(root, "cpu/vendor"),
        "match": reader.word("cpu@match", given.get("match"), _MATCHES)
        if mode == "custom"
        else None,
        "check": reader.word("cpu@check", given.get("check"), _CHECKS) if mode else None,
        "migratable": reader.switch("cpu@migratable", given.get("migratable")) if host else None,
        "features": _features(root, reader) if mode else (),
        "cache": _cache(root, reader),
        "topology": _topology(root, ceiling, reader),
        "cells": _cells(root, ceiling, reader),
    }


def _fallback(root: _Element, mode: str | None, reader: Reader) -> Fallback | None:
    """Only a mode with a model has a fallback; an element <model> without one allows it."""
    if mode not in ("custom", "host-model") or root.find("cpu/model") is None:
        return None
    text = attribute(root, "cpu/model", "fallback")
    return reader.word("cpu/model@fallback", text, _FALLBACKS) or "allow"


def _features(root: _Element, reader: Reader) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for feature in root.iterfind("cpu/feature"):
        name = feature.get("name")
        policy = reader.word("cpu/feature@policy", feature.get("policy", "require"), _POLICIES)
        if not name:
            reader.wrong("cpu/feature@name", name)
        elif policy:
            found[name] = policy
    return tuple(sorted(found.items()))


def _cache(root: _Element, reader: Reader) -> CpuCache | None:
    if root.find("cpu/cache") is None:
        return None
    text = attribute(root, "cpu/cache", "mode")
    level = reader.natural("cpu/cache@level", attribute(root, "cpu/cache", "level"))
    if text == "emulate":
        return CpuCache(mode="emulate", level=level)
    if text == "passthrough":
        return CpuCache(mode="passthrough", level=level)
    if text != "disable":
        reader.wrong("cpu/cache@mode", text)
    return CpuCache(mode="disable", level=level)


def _topology(root: _Element, ceiling: int, reader: Reader) -> Topology:
    """Return the topology; without one QEMU gets as many sockets as vCPUs (qemuBuildSmp...)."""
    topology = root.find("cpu/topology")
    if topology is None:
        return Topology(sockets=ceiling)
    levels = {
        name: reader.natural(f"cpu/topology@{name}", topology.get(name)) or 1 for name in _LEVELS
    }
    return Topology(**levels)


def _cells(root: _Element, ceiling: int, reader: Reader) -> tuple[Cell, ...]:
    """Return the cells by id; vCPUs that none of them names go to the first one."""
    elements = root.findall("cpu/numa/cell")
    if not elements:
        return ()
    by_id: dict[int, Cell] = {}
    for position, element in enumerate(elements):
        cell = _cell(element, position, reader)
        by_id[cell.id] = cell
    if sorted(by_id) != list(range(len(elements))):
        reader.wrong("cpu/numa/cell@id", ", ".join(map(str, sorted(by_id))))
    cells = [by_id[number] for number in sorted(by_id)]
    rest = CpuSet(range(ceiling)) - union(cell.cpus for cell in cells)
    first = cells[0]
    return (replace(first, cpus=first.cpus | rest), *cells[1:])


def _cell(element: _Element, position: int, reader: Reader) -> Cell:
    number = reader.natural("cpu/numa/cell@id", element.get("id"))
    memory = reader.kib("the memory of a cell", element.get("memory"), element.get("unit"))
    if element.get("memory") is None:
        reader.wrong("the memory of a cell", None)
    return Cell(
        id=position if number is None else number,
        cpus=reader.cpus("the cpus of a cell", element.get("cpus")) or EMPTY,
        memory_kib=memory or 0,
        access=reader.word("memAccess", element.get("memAccess"), _ACCESS),
        discard=reader.switch("discard", element.get("discard")),
        distances=tuple(sorted(_distances(element, reader))),
    )


def _distances(cell: _Element, reader: Reader) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for sibling in cell.iterfind("distances/sibling"):
        other = reader.natural("distances/sibling@id", sibling.get("id"))
        value = reader.natural("distances/sibling@value", sibling.get("value"))
        if other is None or value is None:
            reader.wrong("distances/sibling", sibling.get("value"))
        else:
            found.append((other, value))
    return found
