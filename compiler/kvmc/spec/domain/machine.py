"""The part of <os> and <devices> that a minimal machine can spell."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kvmc.spec.domain.model import DomainMachine
from kvmc.spec.domain.xml import attribute, text_of
from kvmc.spec.model import Boot, Disk

if TYPE_CHECKING:
    from lxml.etree import _Element

_FORMATS = ("qcow2", "raw", "qed", "vdi", "vmdk", "vpc")


def read_machine(root: _Element) -> DomainMachine:
    """Return what can be said without a base; `kvmc.spec.domain.rest` names what cannot."""
    kernel = text_of(root, "os/kernel")
    boot = None
    if kernel:
        initrd, cmdline = text_of(root, "os/initrd"), text_of(root, "os/cmdline")
        boot = Boot(kernel=kernel, initrd=initrd or None, cmdline=cmdline or None)
    return DomainMachine(
        type=root.get("type"),
        arch=attribute(root, "os/type", "arch"),
        machine=attribute(root, "os/type", "machine"),
        emulator=text_of(root, "devices/emulator") or None,
        boot=boot,
        disks=tuple(_disk(disk) for disk in root.iterfind("devices/disk") if is_plain_disk(disk)),
        serial=_serial(root),
    )


def is_plain_disk(disk: _Element) -> bool:
    """Whether a disk is a virtio disk on a file in a format that kvmc knows."""
    return (
        (disk.get("type"), disk.get("device", "disk")) == ("file", "disk")
        and attribute(disk, "target", "bus") == "virtio"
        and attribute(disk, "driver", "type") in _FORMATS
        and bool(attribute(disk, "source", "file"))
    )


def _disk(disk: _Element) -> Disk:
    path, kind = attribute(disk, "source", "file"), attribute(disk, "driver", "type")
    return Disk(file=cast("str", path), format=cast("str", kind))


def is_plain_serial(serial: _Element) -> bool:
    """Whether a serial console is a pty or writes to a file."""
    return serial.get("type") == "pty" or bool(attribute(serial, "source", "path"))


def _serial(root: _Element) -> str | None:
    serial = root.find("devices/serial")
    if serial is None or serial.get("type") not in ("pty", "file"):
        return None
    return "pty" if serial.get("type") == "pty" else attribute(serial, "source", "path")
