"""-cpu and -smp: the model with its features, and the complete topology."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.render.qemu_options import option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.host.model import HostModel
    from kvmc.planner.model import VmPlan
    from kvmc.render.model import Job
    from kvmc.render.qemu_options import Option
    from kvmc.spec.model import Cpu, Vm

_QEMU_NAMES = {
    "cmp_legacy": "cmp-legacy",
    "ds_cpl": "ds-cpl",
    "fxsr_opt": "fxsr-opt",
    "kvm_pv_eoi": "kvm-pv-eoi",
    "kvm_pv_unhalt": "kvm-pv-unhalt",
    "lahf_lm": "lahf-lm",
    "nodeid_msr": "nodeid-msr",
    "pclmuldq": "pclmulqdq",
    "perfctr_core": "perfctr-core",
    "perfctr_nb": "perfctr-nb",
    "tsc_adjust": "tsc-adjust",
}
"""libvirt's feature names that QEMU spells otherwise (virQEMUCapsCPUFeaturesX86)."""

NOT_FOR_QEMU = frozenset({"cmt", "mbm_total", "mbm_local", "osxsave", "ospke"})
"""Features that libvirt knows and never passes on: QEMU has no property of that name, or the
guest's own operating system decides (virQEMUCapsCPUFilterFeatures)."""

_NEVER_ON = frozenset({"cvt16", "pconfig"})
"""Features that QEMU dropped or never had: off is how they are, and naming them stops QEMU. Who
asks for one is told so by QEMU (qemuProcessDropUnknownCPUFeatures)."""

_REMOVED = {
    **dict.fromkeys(("Dhyana", "EPYC", "EPYC-IBPB", "Opteron_G3"), "monitor"),
    **dict.fromkeys(
        (
            "Icelake-Client",
            "Icelake-Client-noTSX",
            "Icelake-Server",
            "Icelake-Server-noTSX",
        ),
        "intel-pt",
    ),
}
"""Models and the feature that QEMU took out of them later; libvirt says `off`, so that the guest
CPU does not depend on QEMU's version (cpu_map, `removed='yes'`)."""

_DEFAULT_MODELS = {"x86_64": "qemu64", "i686": "qemu32"}
"""What libvirt writes where no model is asked for, since 5.10 (QEMU's own default)."""

_ON = ("force", "require", "optional")
"""An optional feature may be said too: QEMU leaves out, with a warning, what the host lacks."""


def of_the_host(cpu: Cpu) -> bool:
    """Whether libvirt makes the model from the host's CPU, which no spec can name."""
    return cpu.mode == "host-model" or cpu.match == "minimum"


def host_model(job: Job) -> HostModel | None:
    """Return what host-model is on the host of a VM that asks for it; None where nobody knows."""
    kind = job.vm.machine.type or "kvm"
    known = (model for model in job.host_models if model.type == kind)
    return next(known, None) if of_the_host(job.vm.cpu) else None


def _model(job: Job, arch: str) -> str | None:
    """Return QEMU's name of the CPU model; None leaves the choice to QEMU."""
    cpu = job.vm.cpu
    if cpu.mode is None:
        return _DEFAULT_MODELS.get(arch)
    if cpu.mode == "custom" and not of_the_host(cpu):
        return cpu.model
    if expanded := host_model(job):
        return expanded.model
    return "max" if cpu.mode == "maximum" or job.vm.machine.type == "qemu" else "host"


def cpu_option(job: Job, arch: str) -> tuple[Option, ...]:
    """Return -cpu; none where neither the spec nor libvirt would name a model."""
    model = _model(job, arch)
    if model is None:
        return ()
    expanded = host_model(job)
    features = dict(expanded.features if expanded else ()) | dict(job.vm.cpu.features)
    return (option("-cpu", *_properties(job.vm, model, features), head=model),)


def _properties(vm: Vm, model: str, features: dict[str, str]) -> Iterator[tuple[str, str | bool]]:
    """Yield the properties in libvirt's order: qemuBuildCpuCommandLine."""
    yield from _migratable(vm, model)
    for name, policy in sorted(features.items()):
        on = policy in _ON
        if name not in NOT_FOR_QEMU and (on or name not in _NEVER_ON):
            yield _QEMU_NAMES.get(name, name), on
    removed = _REMOVED.get(model)
    if removed is not None and removed not in features:
        yield removed, False
    if vm.features.kvm_hidden:
        yield "kvm", False
    if vm.features.kvm_hint_dedicated:
        yield "kvm-hint-dedicated", True
    if vm.features.pmu is not None:
        yield "pmu", vm.features.pmu
    yield from _cache(vm.cpu, host=model in ("host", "max"))


def _migratable(vm: Vm, model: str) -> Iterator[tuple[str, bool]]:
    """Yield migratable: always with `host`, and with `max` where it is asked for.

    QEMU's own default is on for both (libvirt leaves it to QEMU in the same case).
    """
    asked = vm.cpu.migratable
    if model == "host" or (model == "max" and asked is not None):
        yield "migratable", asked is not False


def _cache(cpu: Cpu, *, host: bool) -> Iterator[tuple[str, bool]]:
    """Yield cache properties; only a host CPU has host-cache-info to take back."""
    if cpu.cache is None:
        return
    if host:
        yield "host-cache-info", cpu.cache.mode == "passthrough"
    yield "l3-cache", cpu.cache.mode == "emulate"


def smp_option(vm: Vm, plan: VmPlan) -> Option:
    """Return -smp with every number: what is left out is filled in differently by version.

    `clusters` alone is left out where it is 1, because QEMU before 7.0 does not know it.
    """
    topology = plan.topology
    return option(
        "-smp",
        ("cpus", vm.cpu.count),
        ("maxcpus", vm.cpu.max),
        ("sockets", topology.sockets),
        ("dies", topology.dies),
        ("clusters", topology.clusters if topology.clusters != 1 else None),
        ("cores", topology.cores),
        ("threads", topology.threads),
    )
