"""What of a domain XML a spec has no words for: it stays in the base, or is not said at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.spec.domain.fit import Rest
from kvmc.spec.domain.machine import is_plain_disk, is_plain_serial
from kvmc.spec.domain.threads import used_iothreads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

_SPELLED = {
    "": "name memory currentMemory vcpu vcpus iothreads cputune numatune memoryBacking features "
    "cpu os devices",
    "cputune": "shares period quota vcpupin emulatorpin iothreadpin vcpusched",
    "memoryBacking": "hugepages nosharepages locked source access allocation",
    "cpu": "model topology cache feature numa",
    "cpu/numa": "cell",
    "cpu/numa/cell": "distances",
    "features": "kvm pmu",
    "features/kvm": "hidden hint-dedicated",
}
_IMPLIED = {
    "": "clock on_poweroff on_reboot on_crash",
    "features": "acpi apic",
    "os": "type kernel initrd cmdline boot",
    "devices": "emulator console",
}
"""What a minimal machine has anyway, well enough; only without a base."""
_DRIVER = ("name", "type")
_ATTRIBUTES = ("memory@dumpCore", "memoryBacking/allocation@threads", "cpu/model@vendor_id")


def unspelled(root: _Element, *, with_base: bool) -> tuple[str, ...]:
    """Return the paths, each once and in the order of the document, e.g. `cputune/emulatorsched`.

    With a base <os> and <devices> are its affair as a whole; without one those of their parts are
    named that a minimal machine does not have.
    """
    found = list(_below(root, "", with_base=with_base))
    for known in _ATTRIBUTES:
        path, _, name = known.partition("@")
        element = root.find(path)
        if element is not None and element.get(name) is not None:
            found.append(known)
    return tuple(dict.fromkeys(found))


def rest_of(root: _Element) -> Rest:
    """Return what a domain needs of its threads and cells, where all else of it is a base."""
    return Rest(
        iothreads=used_iothreads(root), cells=root.find("devices/memory/target/node") is not None
    )


def _below(parent: _Element, path: str, *, with_base: bool) -> Iterator[str]:
    known = _SPELLED.get(path, "").split()
    known += [] if with_base else _IMPLIED.get(path, "").split()
    for child in parent:
        here = f"{path}/{_name(child)}".lstrip("/")
        if path == "devices" and _plain(child):
            yield from _options(child)
            continue
        if child.tag not in known or (with_base and here in ("os", "devices")):
            yield here
        elif here in _SPELLED or here in ("os", "devices"):
            yield from _below(child, here, with_base=with_base)


def _options(device: _Element) -> Iterator[str]:
    """Yield what a disk's driver is told beyond what a spec's disk has, its I/O thread too."""
    for driver in device.iterfind("driver") if device.tag == "disk" else ():
        yield from (f"devices/disk/driver@{n}" for n in map(str, driver.attrib) if n not in _DRIVER)
        yield from (f"devices/disk/driver/{child.tag}" for child in driver)


def _name(element: _Element) -> str:
    """Return the tag as the document writes it, `qemu:commandline` say."""
    local = element.tag.rpartition("}")[2]
    return f"{element.prefix}:{local}" if element.prefix else local


def _plain(device: _Element) -> bool:
    return (device.tag == "disk" and is_plain_disk(device)) or (
        device.tag == "serial" and is_plain_serial(device)
    )
