"""What QEMU's command line cannot say of a VM and its plan, or not as it is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvmc.diagnostics import error, note, warning
from kvmc.render.checks import beyond_machine
from kvmc.render.qemu_cpu import NOT_FOR_QEMU, host_model, of_the_host
from kvmc.render.views.machine import DISK_POOL, machine_view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.diagnostics import Diagnostic
    from kvmc.render.model import Job
    from kvmc.spec.model import Vm

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*\Z")
"""-cpu splits at every comma and knows no escape, so that only such a name can be a model."""

_WITH_CLUSTERS = ("aarch64", "arm")


def check_job(job: Job) -> tuple[Diagnostic, ...]:
    """Return what stands in the way (KV605, KV621, KV622), and what is not as asked (KV623-626)."""
    return (
        *_base(job.vm),
        *_names(job),
        *_host_model(job),
        *_paths(job.vm),
        *_libvirts_checks(job.vm),
        *_left_out(job.vm),
        *_clusters(job),
        *beyond_machine(job),
    )


def unsaid(job: Job) -> tuple[Diagnostic, ...]:
    """Return one note (KV620) of all that is set from outside, by libvirt or by `kvmc run`."""
    parts = list(_outside(job))
    if not parts:
        return ()
    found = note(
        "KV620",
        f"QEMU's command line cannot carry {_listed(parts)}",
        job.vm.place,
        hint="`kvmc run` starts QEMU and sets them; pasted as it is, nothing is pinned",
    )
    return (found,)


def _outside(job: Job) -> Iterator[str]:
    plan, tune = job.plan, job.vm.tune
    pins = sum(pin.cpus is not None for pin in plan.vcpus)
    iothreads = sum(pin.cpus is not None for pin in plan.iothreads)
    limits = (("shares", tune.shares), ("period", tune.period), ("quota", tune.quota))
    if pins:
        yield f"{pins} vCPU {'pin' if pins == 1 else 'pins'}"
    if plan.emulator is not None:
        yield "the emulator pin"
    if iothreads:
        yield f"{iothreads} I/O thread {'pin' if iothreads == 1 else 'pins'}"
    if asked := [name for name, value in limits if value is not None]:
        yield f"tune.{'/'.join(asked)}"
    if tune.scheduler:
        yield "the scheduler"
    if _restrictive(job):
        yield "numa mode restrictive"


def _restrictive(job: Job) -> bool:
    cells = job.vm.numa.mode == "restrictive" and any(
        cell.host_node is not None for cell in job.plan.cells
    )
    return cells or (bool(job.plan.memory_nodes) and job.plan.memory_mode == "restrictive")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _base(vm: Vm) -> Iterator[Diagnostic]:
    if vm.machine.base is not None:
        yield error(
            "KV621",
            f"the base {vm.machine.base} is libvirt XML: its devices would be lost",
            vm.place.at("base"),
            hint="build the target libvirt, or describe the machine in the spec (machine, boot, "
            "disks, serial)",
        )


def _names(job: Job) -> Iterator[Diagnostic]:
    cpu, place = job.vm.cpu, job.vm.place.at("cpu")
    names = [(place.at("features", name), name) for name, _ in cpu.features]
    if cpu.model is not None:
        names.append((place.at("model"), cpu.model))
    if expanded := host_model(job):
        given = (expanded.model, *(name for name, _ in expanded.features))
        names += [(place.at("mode"), name) for name in given]
    for where, name in names:
        if not _WORD.match(name):
            yield error(
                "KV622",
                f"QEMU's -cpu cannot take the name {name!r}",
                where,
                hint="QEMU's names are letters, digits, '-', '_', '.' and '+' "
                "(qemu-system-x86_64 -cpu help lists them)",
            )


def _host_model(job: Job) -> Iterator[Diagnostic]:
    vm = job.vm
    if not of_the_host(vm.cpu) or host_model(job) is not None:
        return
    asked = "mode host-model" if vm.cpu.mode == "host-model" else "match minimum"
    got = "max" if vm.machine.type == "qemu" else "host,migratable=on"
    yield warning(
        "KV623",
        f"{asked} is libvirt's word for a model it makes from the host; the guest gets "
        f"`-cpu {got}`",
        vm.place.at("cpu", "mode" if vm.cpu.mode == "host-model" else "match"),
        hint="`kvmc host probe --connect URI -o hosts/NAME.yaml` writes down what libvirt makes "
        "of it; or name a model with `mode: custom`",
    )


def _paths(vm: Vm) -> Iterator[Diagnostic]:
    for index, disk in enumerate(vm.machine.disks):
        if not disk.file.startswith("/"):
            yield note(
                "KV624",
                f"the disk is looked up in libvirt's default pool, as {DISK_POOL}/{disk.file}",
                vm.place.at("disks", index, "file"),
            )
    machine = vm.machine
    boot = machine.boot
    paths = (
        (("boot", "kernel"), boot.kernel if boot else None),
        (("boot", "initrd"), boot.initrd if boot else None),
        (("serial", "file"), machine.serial if machine.serial != "pty" else None),
    )
    for parts, path in paths:
        if path is not None and not path.startswith("/"):
            message = f"{'.'.join(parts)} is {path}, relative to the folder QEMU is started in"
            yield note("KV624", message, vm.place.at(*parts))


def _libvirts_checks(vm: Vm) -> Iterator[Diagnostic]:
    """Refusals that are libvirt's alone: QEMU starts with less than was asked, and warns."""
    cpu = vm.cpu
    asked = [
        (("cpu", "check"), f"check {cpu.check}", cpu.check in ("partial", "full")),
        (("cpu", "fallback"), "fallback forbid", cpu.fallback == "forbid"),
        (("cpu", "match"), "match strict", cpu.match == "strict"),
        *(
            (("cpu", "features", name), f"{name}: forbid", policy == "forbid")
            for name, policy in cpu.features
        ),
    ]
    for parts, text, there in asked:
        if there:
            yield note(
                "KV625",
                f"{text} is a check of libvirt's before the start; QEMU starts and warns",
                vm.place.at(*parts),
            )


def _clusters(job: Job) -> Iterator[Diagnostic]:
    """MachineClass.smp_props.clusters_supported: of QEMU's machines only Arm's virt has it."""
    clusters = job.plan.topology.clusters
    if clusters != 1 and dict(machine_view(job).os)["arch"] not in _WITH_CLUSTERS:
        yield warning(
            "KV605",
            f"the topology has {clusters} clusters, and QEMU starts only Arm's virt machine "
            "with any",
            job.vm.place.at("cpu", "topology", "clusters"),
            hint="use dies on x86",
        )


def _left_out(vm: Vm) -> Iterator[Diagnostic]:
    for name, _ in vm.cpu.features:
        if name in NOT_FOR_QEMU:
            yield warning(
                "KV626",
                f"QEMU has no CPU feature {name}: it is left out, as libvirt leaves it out",
                vm.place.at("cpu", "features", name),
                hint="leave it out of the spec",
            )
