"""What a VM may ask that libvirt's domain XML cannot say: found before anything is printed.

Control characters need no check here: the schema refuses them in every text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.diagnostics import error, note, warning
from kvmc.render.views.machine import DISK_POOL, XAPIC_VCPUS, machine_view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.diagnostics import Diagnostic
    from kvmc.render.model import Job
    from kvmc.spec.model import Machine, Vm

_Q35_VCPUS = 288


def check_job(job: Job) -> tuple[Diagnostic, ...]:
    """Return what libvirt cannot do, or not as it is asked (KV601, KV604, KV605, KV608)."""
    return (
        *_missing_base(job),
        *_relative_paths(job.vm),
        *_relative_disks(job.vm),
        *_fallback(job.vm),
        *_clusters(job),
        *beyond_machine(job),
    )


def _missing_base(job: Job) -> Iterator[Diagnostic]:
    base = job.vm.machine.base
    if base is not None and job.base is None:
        yield error("KV601", f"the base {base} was not read", job.vm.place.at("base"))


def _relative_paths(vm: Vm) -> Iterator[Diagnostic]:
    for parts, path in _paths(vm.machine):
        if not path.startswith("/"):
            yield error(
                "KV604",
                f"{'.'.join(parts)} is {path}, and libvirt wants an absolute path",
                vm.place.at(*parts),
                hint="write the path on the host, starting with /",
            )


def _paths(machine: Machine) -> Iterator[tuple[tuple[str, ...], str]]:
    if machine.emulator is not None:
        yield ("emulator",), machine.emulator
    if machine.boot is not None:
        yield ("boot", "kernel"), machine.boot.kernel
        if machine.boot.initrd is not None:
            yield ("boot", "initrd"), machine.boot.initrd
    if machine.serial is not None and machine.serial != "pty":
        yield ("serial", "file"), machine.serial


def _relative_disks(vm: Vm) -> Iterator[Diagnostic]:
    for index, disk in enumerate(vm.machine.disks):
        if not disk.file.startswith("/"):
            yield note(
                "KV608",
                f"the disk is looked up in libvirt's default pool, as {DISK_POOL}/{disk.file}",
                vm.place.at("disks", index, "file"),
            )


def _fallback(vm: Vm) -> Iterator[Diagnostic]:
    """Only beside a model's name does libvirt keep a fallback (virCPUDefFormatBuf).

    What a host-model is given is lost when libvirtd prints the definition; `allow` is the default.
    """
    cpu = vm.cpu
    does = None if cpu.mode == "custom" else "ignores"
    if cpu.mode == "host-model":
        does = "does not keep" if cpu.fallback == "forbid" else None
    if cpu.fallback is not None and does:
        yield warning(
            "KV605",
            f"libvirt {does} fallback with cpu mode {cpu.mode}, which names no model",
            vm.place.at("cpu", "fallback"),
            hint="leave fallback out",
        )


def beyond_machine(job: Job) -> Iterator[Diagnostic]:
    """Yield what has more vCPUs than its machine type (QEMU's max_cpus); a base is not looked at.

    pc has 255 in all versions; q35 has 288 in QEMU 7.2 and more in later ones.
    """
    vm = job.vm
    if vm.machine.base is not None or vm.cpu.max <= XAPIC_VCPUS:
        return
    name = dict(machine_view(job).os).get("machine", "")
    if name == "pc" or name.startswith("pc-i440fx"):
        text = f"machine {name} has {XAPIC_VCPUS} vCPUs at most, and cpu.max is {vm.cpu.max}"
        yield error("KV605", text, vm.place.at("machine"), hint="use machine q35")
    elif vm.cpu.max > _Q35_VCPUS and (name == "q35" or name.startswith("pc-q35")):
        yield warning(
            "KV605",
            f"cpu.max is {vm.cpu.max}, and a q35 machine of QEMU 7.2 has {_Q35_VCPUS} at most",
            vm.place.at("cpu"),
            hint="look at `virsh domcapabilities` of the host: vcpu max",
        )


def _clusters(job: Job) -> Iterator[Diagnostic]:
    """QEMU 7.2: 'clusters not supported by this machine's CPU topology' for pc and q35."""
    clusters = job.plan.topology.clusters
    if clusters != 1:
        yield warning(
            "KV605",
            f"the topology has {clusters} clusters: that takes libvirt 10.1, and QEMU's x86 "
            "machines have none",
            job.vm.place.at("cpu", "topology", "clusters"),
            hint="use dies on x86",
        )
