"""The rest of a minimal domain: <os>, <features> and <devices>."""

from __future__ import annotations

from string import ascii_lowercase
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.render.views.attributes import attributes

if TYPE_CHECKING:
    from kvmc.render.model import Job
    from kvmc.render.views.attributes import Attributes
    from kvmc.spec.model import Boot, Disk, Features, Vm

DISK_POOL = "/var/lib/libvirt/images"
"""Where libvirt's default storage pool keeps its volumes."""

_X86 = ("x86_64", "i686")

XAPIC_VCPUS = 255
"""Above this libvirt wants an IOMMU with extended interrupt mode (qemuValidateDomainDef)."""


class FeaturesView(Struct, frozen=True, kw_only=True):
    """<features>: empty elements, the states below <kvm>, and elements with attributes."""

    flags: tuple[str, ...]
    kvm: tuple[tuple[str, Attributes], ...]
    others: tuple[tuple[str, Attributes], ...]

    @property
    def present(self) -> bool:
        """Whether libvirt gets the element at all."""
        return bool(self.flags or self.kvm or self.others)


class DiskView(Struct, frozen=True, kw_only=True):
    """A virtio <disk> on a file."""

    driver: Attributes
    file: str
    target: str


class SerialView(Struct, frozen=True, kw_only=True):
    """<serial> and the <console> on it; `sources` holds one path or none."""

    type: str
    sources: tuple[str, ...]


class MachineView(Struct, frozen=True, kw_only=True):
    """<os> and <devices>."""

    type: str
    os: Attributes
    boot: tuple[tuple[str, str], ...]
    """(element, text) of a direct kernel boot; then `boot_devices` is empty."""
    boot_devices: tuple[str, ...]
    emulators: tuple[str, ...]
    disks: tuple[DiskView, ...]
    serials: tuple[SerialView, ...]
    iommu: bool


def features_view(job: Job) -> FeaturesView:
    """Return <features>; with a base only what the spec asks for."""
    vm, bare = job.vm, job.base is None
    # interrupt remapping needs the split irqchip
    split = _extended_interrupts(vm, job.arch) and bare
    # CPU hotplug goes through ACPI; others than x86 have none, or only with a firmware
    x86 = _arch(vm.machine.emulator, job.arch) in _X86
    others = (
        ("pmu", attributes(state=_state(vm.features.pmu))),
        ("ioapic", attributes(driver="qemu" if split else None)),
    )
    return FeaturesView(
        flags=("acpi", "apic") if bare and x86 else (),
        kvm=_kvm(vm.features),
        others=tuple((element, given) for element, given in others if given),
    )


def _kvm(features: Features) -> tuple[tuple[str, Attributes], ...]:
    states = (("hidden", features.kvm_hidden), ("hint-dedicated", features.kvm_hint_dedicated))
    return tuple(
        (element, attributes(state=_state(asked))) for element, asked in states if asked is not None
    )


def _state(asked: bool | None) -> str | None:  # noqa: FBT001 - three states of one setting
    return None if asked is None else {True: "on", False: "off"}[asked]


def machine_view(job: Job) -> MachineView:
    """Return the minimal machine: of the host's architecture, q35 on x86."""
    vm, machine = job.vm, job.vm.machine
    arch = _arch(machine.emulator, job.arch)
    default = "q35" if arch in _X86 else None
    return MachineView(
        type=machine.type or "kvm",
        os=attributes(arch=arch, machine=machine.machine or default),
        boot=_boot(machine.boot),
        boot_devices=() if machine.boot else ("hd",),
        emulators=() if machine.emulator is None else (machine.emulator,),
        disks=tuple(_disk(vm, index, disk) for index, disk in enumerate(machine.disks)),
        serials=_serials(machine.serial),
        iommu=_extended_interrupts(vm, job.arch),
    )


def _extended_interrupts(vm: Vm, host: str | None) -> bool:
    q35 = "q35" in (vm.machine.machine or "q35")
    return vm.cpu.max > XAPIC_VCPUS and q35 and _arch(vm.machine.emulator, host) == "x86_64"


def _arch(emulator: str | None, host: str | None) -> str:
    """Return the architecture in the emulator's name, `qemu-system-ARCH`, or the host's.

    x86_64 where neither is known.
    """
    prefix, _, arch = (emulator or "").rpartition("/")[2].partition("qemu-system-")
    if arch and not prefix:
        return {"i386": "i686"}.get(arch, arch)
    return host or "x86_64"


def _boot(boot: Boot | None) -> tuple[tuple[str, str], ...]:
    if boot is None:
        return ()
    parts = (("kernel", boot.kernel), ("initrd", boot.initrd), ("cmdline", boot.cmdline))
    return tuple((element, text) for element, text in parts if text is not None)


def _disk(vm: Vm, index: int, disk: Disk) -> DiskView:
    """Return a disk; the disks take turns on the I/O threads, which serve nothing else."""
    iothread = index % vm.iothreads + 1 if vm.iothreads else None
    return DiskView(
        driver=attributes(name="qemu", type=disk.format, iothread=iothread),
        file=disk.file if disk.file.startswith("/") else f"{DISK_POOL}/{disk.file}",
        target="vd" + _letters(index),
    )


def _letters(index: int) -> str:
    """Return a, b, ..., z, aa, ab, ... as libvirt's virIndexToDiskName does."""
    text = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, len(ascii_lowercase))
        text = ascii_lowercase[letter] + text
    return text


def _serials(serial: str | None) -> tuple[SerialView, ...]:
    if serial is None:
        return ()
    if serial == "pty":
        return (SerialView(type="pty", sources=()),)
    return (SerialView(type="file", sources=(serial,)),)
