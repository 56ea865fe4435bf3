"""A domain XML as settings: path -> value in one canonical form, for what kvmc owns.

What is libvirt's default is absent, whether the XML says it or not; so element order, layout,
units, ways to write a CPU set and libvirt's own additions make no difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.apply.compare_cpu import cpu_facts
from kvmc.apply.compare_memory import memory_facts
from kvmc.apply.compare_threads import thread_facts

if TYPE_CHECKING:
    from kvmc.render.xmltree import Element
    from kvmc.spec.model import Vm

_ORDER = (
    "memory", "currentMemory", "memoryBacking", "vcpu", "iothreads", "cputune", "vcpupin",
    "emulatorpin", "iothreadpin", "vcpusched", "numatune", "features", "cpu",
)  # fmt: skip
_ALWAYS = ("cpu/topology", "cpu/numa/")


def facts_of(domain: Element, vm: Vm) -> dict[str, str]:
    """Return the settings of a <domain> that kvmc owns for this VM (`kvmc.render.ownership`).

    The CPU model belongs to kvmc only where the spec gives a mode, a <features> setting only
    where the spec says something of it.
    """
    found = memory_facts(domain) | thread_facts(domain) | cpu_facts(domain)
    return {path: value for path, value in found.items() if _owned(path, vm)}


def _owned(path: str, vm: Vm) -> bool:
    if path.startswith("cpu/") and not path.startswith(_ALWAYS):
        return vm.cpu.mode is not None
    asked = {
        "features/kvm/hidden": vm.features.kvm_hidden,
        "features/kvm/hint-dedicated": vm.features.kvm_hint_dedicated,
        "features/pmu": vm.features.pmu,
    }
    return path not in asked or asked[path] is not None


def in_order(path: str) -> tuple[int, tuple[tuple[int, str], ...]]:
    """Return a key that sorts paths as a domain XML has them, ids as numbers."""
    parts = path.split("/")
    place = _ORDER.index(parts[0]) if parts[0] in _ORDER else len(_ORDER)
    return place, tuple((int(p), "") if p.isdigit() else (-1, p) for p in parts[1:])
