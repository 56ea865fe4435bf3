"""Rules of `cpu:`, KV301-KV310. Source: libvirt formatdomain.html, "CPU model and topology"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.diagnostics import error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.diagnostics import Diagnostic
    from kvmc.spec.model import Vm

_HOST_MODES = ("host-passthrough", "maximum")
_EMULATED_LEVEL = 3
"""The only level that QEMU can make up: l3-cache=on (libvirt, qemuValidateDomainDefCpu)."""


def topology_product(vm: Vm) -> Iterator[Diagnostic]:
    """KV301: sockets x dies x clusters x cores x threads = cpu.max (libvirt refuses others)."""
    topology = vm.cpu.topology
    if topology and topology.vcpus != vm.cpu.max:
        yield error(
            "KV301",
            f"topology holds {topology.vcpus} vCPUs, max is {vm.cpu.max}",
            vm.place.at("cpu", "topology"),
            hint="make sockets x dies x clusters x cores x threads equal to cpu.max, "
            "or leave topology out",
        )


def count_above_max(vm: Vm) -> Iterator[Diagnostic]:
    """KV302: cpu.count <= cpu.max."""
    if vm.cpu.count > vm.cpu.max:
        yield error(
            "KV302",
            f"count is {vm.cpu.count}, above max, which is {vm.cpu.max}",
            vm.place.at("cpu", "count"),
            hint="max is the ceiling for hotplug; raise it or leave it out",
        )


def model_without_custom(vm: Vm) -> Iterator[Diagnostic]:
    """KV303: cpu.model only with mode custom."""
    if vm.cpu.model is not None and vm.cpu.mode != "custom":
        yield error(
            "KV303",
            f"a model needs mode custom, {_mode(vm)}",
            vm.place.at("cpu", "model"),
            hint="write `mode: custom`, or leave model out",
        )


def custom_without_model(vm: Vm) -> Iterator[Diagnostic]:
    """KV304: mode custom needs a model."""
    if vm.cpu.mode == "custom" and vm.cpu.model is None:
        yield error(
            "KV304",
            "mode custom needs a model",
            vm.place.at("cpu", "mode"),
            hint="add `model:`, e.g. `model: Broadwell` (virsh cpu-models lists them)",
        )


def match_without_custom(vm: Vm) -> Iterator[Diagnostic]:
    """KV305: cpu.match only with mode custom."""
    if vm.cpu.match is not None and vm.cpu.mode != "custom":
        yield error(
            "KV305",
            f"match needs mode custom, {_mode(vm)}",
            vm.place.at("cpu", "match"),
            hint="leave match out",
        )


def migratable_without_host(vm: Vm) -> Iterator[Diagnostic]:
    """KV306: cpu.migratable only with host-passthrough and maximum (libvirt 6.5.0, 7.1.0)."""
    if vm.cpu.migratable is not None and vm.cpu.mode not in _HOST_MODES:
        yield error(
            "KV306",
            f"migratable needs mode host-passthrough or maximum, {_mode(vm)}",
            vm.place.at("cpu", "migratable"),
            hint="leave migratable out",
        )


def cache_level(vm: Vm) -> Iterator[Diagnostic]:
    """KV307: cache mode emulate takes level 3, the others none (qemuValidateDomainDefCpu)."""
    cache = vm.cpu.cache
    if cache is None:
        return
    place = vm.place.at("cpu", "cache", "level")
    if cache.mode == "emulate" and cache.level != _EMULATED_LEVEL:
        got = "none is given" if cache.level is None else f"not {cache.level}"
        yield error(
            "KV307",
            f"cache mode emulate takes level 3, {got}",
            place,
            hint="write `cache: {mode: emulate, level: 3}`",
        )
    if cache.mode != "emulate" and cache.level is not None:
        yield error(
            "KV307", f"cache mode {cache.mode} takes no level", place, hint="leave level out"
        )


def cache_passthrough(vm: Vm) -> Iterator[Diagnostic]:
    """KV308: cache mode passthrough only with a host CPU (qemuValidateDomainDefCpu)."""
    cache = vm.cpu.cache
    if cache and cache.mode == "passthrough" and vm.cpu.mode not in _HOST_MODES:
        yield error(
            "KV308",
            f"cache mode passthrough needs cpu mode host-passthrough or maximum, {_mode(vm)}",
            vm.place.at("cpu", "cache", "mode"),
            hint="change cpu.mode, or use `cache: {mode: emulate, level: 3}`",
        )


def passthrough_under_tcg(vm: Vm) -> Iterator[Diagnostic]:
    """KV309: host-passthrough needs KVM; TCG has no host CPU to pass through."""
    if vm.cpu.mode == "host-passthrough" and vm.machine.type == "qemu":
        yield error(
            "KV309",
            "mode host-passthrough needs type kvm, type is qemu",
            vm.place.at("cpu", "mode"),
            hint="use `mode: maximum`, or `type: kvm`",
        )


def fields_without_mode(vm: Vm) -> Iterator[Diagnostic]:
    """KV310: features, fallback and check belong to a CPU model, so they need a mode."""
    if vm.cpu.mode is not None:
        return
    given = {"features": vm.cpu.features, "fallback": vm.cpu.fallback, "check": vm.cpu.check}
    for name, value in given.items():
        if value:
            yield error(
                "KV310",
                f"`{name}` needs a cpu mode, none is given",
                vm.place.at("cpu", name),
                hint="add `mode:`, e.g. `mode: host-model`",
            )


def _mode(vm: Vm) -> str:
    return f"mode is {vm.cpu.mode}" if vm.cpu.mode else "no mode is given"


RULES = (
    topology_product,
    count_above_max,
    model_without_custom,
    custom_without_model,
    match_without_custom,
    migratable_without_host,
    cache_level,
    cache_passthrough,
    passthrough_under_tcg,
    fields_without_mode,
)
