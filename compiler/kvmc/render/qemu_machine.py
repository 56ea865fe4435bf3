"""The machine around CPUs and memory: -name, -machine, boot, disks, serial and the monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.render.qemu_memory import ram_id
from kvmc.render.qemu_options import Option, option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.render.views.machine import DiskView, MachineView, SerialView
    from kvmc.spec.model import Vm

_DEFAULT_MACHINES = {"aarch64": "virt", "arm": "virt", "riscv64": "virt", "riscv32": "virt"}
"""Where QEMU has no default machine, libvirt's (qemuDomainDefPostParse)."""


def start_options(vm: Vm, machine: MachineView, *, paused: bool) -> Iterator[Option]:
    """Yield the options every guest starts with; thread names tell `kvmc ps` who is who."""
    yield option("-name", ("guest", vm.name), ("debug-threads", True))
    if paused:
        yield Option("-S")
    # with one thread for all vCPUs, nothing could be pinned apart
    yield Option("-accel", "tcg,thread=multi" if machine.type == "qemu" else "kvm")
    yield _machine(vm, machine)


def _machine(vm: Vm, machine: MachineView) -> Option:
    """Return -machine; the type by its key, so that `a=b` for one stays a type."""
    given = dict(machine.os)
    arch = given["arch"]
    return option(
        "-machine",
        ("type", given.get("machine") or _DEFAULT_MACHINES.get(arch)),
        ("kernel-irqchip", "split" if machine.iommu else None),
        ("dump-guest-core", False),  # libvirt's default too
        ("mem-merge", False if vm.memory_backing.nosharepages else None),
        ("memory-backend", ram_id(vm, arch)),
    )


def bare_options() -> Iterator[Option]:
    """Yield what keeps QEMU from adding devices and reading configuration of its own."""
    yield Option("-display", "none")
    yield Option("-no-user-config")
    yield Option("-nodefaults")


def monitor_options(path: str) -> Iterator[Option]:
    """Yield a QMP socket that listens at a path; -qmp itself cannot take a path with a `=`."""
    yield option("-chardev", ("id", "qmp"), ("path", path), ("server", True), ("wait", False),
                 head="socket")  # fmt: skip
    yield option("-mon", ("chardev", "qmp"), ("mode", "control"))


def device_options(machine: MachineView) -> Iterator[Option]:
    """Yield the direct boot, the disks, the serial console and the IOMMU of large guests."""
    names = {"kernel": "-kernel", "initrd": "-initrd", "cmdline": "-append"}
    for element, text in machine.boot:
        yield Option(names[element], text)
    for index, disk in enumerate(machine.disks):
        boots = bool(machine.boot_devices) and index == 0
        yield from _disk(machine, index, disk, boots=boots)
    for serial in machine.serials:
        yield from _serial(serial)
    if machine.iommu:
        yield option("-device", ("intremap", True), ("eim", True), head="intel-iommu")


def _disk(machine: MachineView, index: int, disk: DiskView, *, boots: bool) -> Iterator[Option]:
    """Yield an image and its virtio-blk device, which may run in an I/O thread."""
    driver = dict(disk.driver)
    bus = "ccw" if dict(machine.os)["arch"] == "s390x" else "pci"
    iothread = driver.get("iothread")
    yield option(
        "-blockdev",
        ("driver", driver["type"]),
        ("node-name", f"disk{index}"),
        ("file.driver", "file"),
        ("file.filename", disk.file),
    )
    yield option(
        "-device",
        ("drive", f"disk{index}"),
        ("id", f"virtio-disk{index}"),
        ("iothread", f"iothread{iothread}" if iothread else None),
        ("bootindex", 1 if boots else None),
        head=f"virtio-blk-{bus}",
    )


def _serial(serial: SerialView) -> Iterator[Option]:
    path = next(iter(serial.sources), None)
    yield option("-chardev", ("id", "serial0"), ("path", path), head=serial.type)
    yield Option("-serial", "chardev:serial0")
