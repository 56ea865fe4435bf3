"""Which elements of a domain XML are kvmc's, and in which order libvirt prints them.

Orders: virDomainDefFormatInternalSetRootName, virDomainCputuneDefFormat, virCPUDefFormatBuf and
virDomainFeaturesDefFormat of libvirt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.spec.domain.xml import Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.render.views.attributes import Attributes
    from kvmc.render.xmltree import Element
    from kvmc.spec.model import Vm


class Container(Struct, frozen=True, kw_only=True):
    """An element of which kvmc owns some children; any other child is the base's."""

    order: tuple[str, ...]
    """Tags of its children as libvirt prints them."""
    always: frozenset[str] = frozenset()
    """Tags owned whether or not the spec says anything."""
    asked: frozenset[str] = frozenset()
    """Tags owned only where the spec says something: by tag and `name` attribute."""
    attributes: frozenset[str] = frozenset()
    """Attributes owned whether or not the spec says anything."""
    stays: bool = True
    """Whether it makes sense with nothing but the base's children."""

    def owned(self, old: Element, tag: str, new: Element) -> list[Element]:
        """Return the base's children of that tag that the new ones take the place of."""
        children = [child for child in old.children if child.tag == tag]
        if tag in self.always:
            return children
        if tag not in self.asked:
            return []
        names = {child.get("name") for child in new.children if child.tag == tag}
        return [child for child in children if child.get("name") in names]

    def merged(self, old: Element, new: Element) -> Attributes:
        """Return the base's attributes with the owned ones as the spec has them."""
        fresh = dict(new.attributes)
        kept = {
            name: value
            for name, value in old.attributes
            if name not in fresh and name not in self.attributes
        }
        both = fresh | kept
        return old.attributes if dict(old.attributes) == both else tuple(both.items())


DOMAIN = Container(
    order=(
        "name", "uuid", "genid", "title", "description", "metadata", "maxMemory", "memory",
        "currentMemory", "blkiotune", "memtune", "memoryBacking", "vcpu", "vcpus", "iothreads",
        "iothreadids", "defaultiothread", "cputune", "numatune", "resource", "sysinfo",
        "bootloader", "bootloader_args", "os", "idmap", "features", "cpu", "clock", "on_poweroff",
        "on_reboot", "on_crash", "on_lockfailure", "pm", "perf", "devices", "seclabel",
        "keywrap", "launchSecurity",
    ),
    always=frozenset({
        "name", "memory", "currentMemory", "memoryBacking", "vcpu", "vcpus", "iothreads",
        "cputune", "numatune", "cpu",
    }),
    asked=frozenset({"features"}),
)  # fmt: skip
"""What is owned below <domain>; <iothreadids> holds settings of single threads."""

_CPU = Container(
    order=("model", "vendor", "topology", "cache", "maxphysaddr", "feature", "numa"),
    always=frozenset({"topology", "numa"}),
    asked=frozenset({"model", "cache", "feature"}),
)
_CPU_WITH_MODE = replace(
    _CPU,
    always=frozenset({"model", "vendor", "topology", "cache", "feature", "numa"}),
    attributes=frozenset({"mode", "match", "check", "migratable"}),
)

_CONTAINERS: dict[str, Container] = {
    "memoryBacking": Container(
        order=("hugepages", "nosharepages", "locked", "source", "access", "allocation", "discard"),
        always=frozenset({
            "hugepages", "nosharepages", "locked", "source", "access", "allocation",
        }),
    ),
    "cputune": Container(
        order=(
            "shares", "period", "quota", "global_period", "global_quota", "emulator_period",
            "emulator_quota", "iothread_period", "iothread_quota", "vcpupin", "emulatorpin",
            "iothreadpin", "emulatorsched", "vcpusched", "iothreadsched", "cachetune",
            "memorytune", "energytune",
        ),
        always=frozenset({
            "shares", "period", "quota", "vcpupin", "emulatorpin", "iothreadpin", "vcpusched",
        }),
    ),
    "features": Container(
        order=("acpi", "apic", "pae", "hap", "viridian", "privnet", "hyperv", "kvm", "xen",
               "pvspinlock", "pmu"),
        asked=frozenset({"kvm", "pmu"}),
    ),
    "features/kvm": Container(
        order=("hidden", "hint-dedicated", "poll-control", "pv-ipi", "dirty-ring"),
        asked=frozenset({"hidden", "hint-dedicated"}),
    ),
    "cpu/numa": Container(
        order=("cell", "interconnects"), always=frozenset({"cell"}), stays=False
    ),
    "cpu/numa/cell": Container(
        order=("distances", "cache"),
        always=frozenset({"distances"}),
        attributes=frozenset({"id", "cpus", "memory", "unit", "memAccess", "discard"}),
    ),
}  # fmt: skip

KEPT: dict[str, frozenset[str]] = {
    "memory": frozenset({"dumpCore"}),
    "memoryBacking/allocation": frozenset({"threads"}),
    "cpu/model": frozenset({"vendor_id"}),
}
"""Path -> attributes of an owned element that the spec cannot say: the base's stay."""


def rule_of(path: str, vm: Vm) -> Container | None:
    """Return how the element at a path such as `cpu/numa` is shared; None: owned as a whole."""
    if path == "cpu":
        return _CPU if vm.cpu.mode is None else _CPU_WITH_MODE
    return _CONTAINERS.get(path)


def carried(path: str, olds: Sequence[Element], news: Sequence[Element]) -> Attributes:
    """Return the base's attributes that an owned element keeps."""
    if len(olds) != 1 or len(news) != 1:
        return ()
    return tuple(pair for pair in olds[0].attributes if pair[0] in KEPT.get(path, ()))


def same(olds: Sequence[Element], news: Sequence[Element], extra: Attributes = ()) -> bool:
    """Whether two lists of elements mean the same: attribute order and layout do not count."""
    return len(olds) == len(news) and all(
        old.tag == new.tag
        and dict(old.attributes) == dict(new.attributes + extra)
        and old.text == new.text
        and same(old.children, new.children)
        for old, new in zip(olds, news, strict=True)
    )


def paths(elements: Sequence[Element], path: str) -> frozenset[str]:
    """Return all that elements at a path say, as `cputune/shares` and `memory@dumpCore`."""
    found: set[str] = {path} if elements else set()
    for element in elements:
        found |= {f"{path}@{name}" for name, _ in element.attributes}
        for child in element.children:
            found |= paths([child], f"{path}/{child.tag}")
    return frozenset(found)


def overruled(vm: Vm, base: Element) -> frozenset[str]:
    """Return what a base asks for by a value that kvmc replaces by the only one it has.

    These are numad, which would choose the CPUs, and a balloon that leaves less than all memory.
    """
    found = {"vcpu@placement='auto'" for v in base.all("vcpu") if v.get("placement") == "auto"}
    memory, current = (_kib(base, tag) for tag in ("memory", "currentMemory"))
    if memory is not None and current is not None and current < memory:
        found |= {"currentMemory"} if current != vm.memory_kib else set()
    return frozenset(found)


def _kib(base: Element, tag: str) -> int | None:
    sizes = [Reader("").kib(tag, one.text, one.get("unit")) for one in base.all(tag)]
    return sizes[0] if sizes else None
