"""Rules of `pin.map` and `pin.vcpus`, KV322-KV329: who is pinned by hand, who is dedicated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet, span
from kvmc.diagnostics import error
from kvmc.words import vcpus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.diagnostics import Diagnostic
    from kvmc.spec.model import Vm


def map_without_manual(vm: Vm) -> Iterator[Diagnostic]:
    """KV322: pin.map only with strategy manual."""
    if vm.pin.map and vm.pin.strategy != "manual":
        yield error(
            "KV322",
            f"a map needs strategy manual, strategy is {vm.pin.strategy}",
            vm.place.at("pin", "map", key=True),
            hint="write `strategy: manual`, or leave map out",
        )


def unmapped_vcpus(vm: Vm) -> Iterator[Diagnostic]:
    """KV323: a manual map has every vCPU from 0 to max-1, so that hotplug never floats."""
    missing = span(vm.cpu.max) - CpuSet(vcpu for vcpu, _ in vm.pin.map)
    if vm.pin.strategy == "manual" and missing:
        yield error(
            "KV323",
            f"the map leaves out {vcpus(missing)}",
            vm.place.at("pin", "map"),
            hint=f"map every vCPU from 0 to max-1, here 0-{vm.cpu.max - 1}; those above "
            "cpu.count are for hotplug",
        )


def map_beyond_max(vm: Vm) -> Iterator[Diagnostic]:
    """KV324: a map has vCPUs below cpu.max only."""
    for vcpu, _ in vm.pin.map:
        if vm.pin.strategy == "manual" and vcpu >= vm.cpu.max:
            yield error(
                "KV324",
                f"there is no vCPU {vcpu}; the last is {vm.cpu.max - 1}",
                vm.place.at("pin", "map", vcpu, key=True),
                hint="raise cpu.max, or take it out",
            )


def mapped_to_nothing(vm: Vm) -> Iterator[Diagnostic]:
    """KV325: a mapped vCPU has at least one host CPU."""
    for vcpu, cpus in vm.pin.map:
        if vm.pin.strategy == "manual" and not cpus:
            yield error(
                "KV325",
                f"vCPU {vcpu} is mapped to no host CPU",
                vm.place.at("pin", "map", vcpu),
                hint="name at least one host CPU",
            )


def vcpus_without_mixed(vm: Vm) -> Iterator[Diagnostic]:
    """KV326: pin.vcpus only with strategy mixed."""
    if vm.pin.vcpus is not None and vm.pin.strategy != "mixed":
        yield error(
            "KV326",
            f"pin.vcpus needs strategy mixed, strategy is {vm.pin.strategy}",
            vm.place.at("pin", "vcpus"),
            hint="write `strategy: mixed`, or leave vcpus out",
        )


def mixed_without_vcpus(vm: Vm) -> Iterator[Diagnostic]:
    """KV327: strategy mixed says which vCPUs are dedicated (Nova hw:cpu_dedicated_mask)."""
    if vm.pin.strategy == "mixed" and not vm.pin.vcpus:
        yield error(
            "KV327",
            "strategy mixed without dedicated vCPUs",
            vm.place.at("pin", "vcpus"),
            hint="name them in pin.vcpus, e.g. `vcpus: 1-3`, or use strategy shared",
        )


def mixed_beyond_max(vm: Vm) -> Iterator[Diagnostic]:
    """KV328: pin.vcpus has vCPUs below cpu.max only."""
    beyond = (vm.pin.vcpus or CpuSet()) - span(vm.cpu.max)
    if vm.pin.strategy == "mixed" and beyond:
        yield error(
            "KV328",
            f"pin.vcpus names {vcpus(beyond)}, but the last vCPU is {vm.cpu.max - 1}",
            vm.place.at("pin", "vcpus"),
            hint="raise cpu.max, or take them out",
        )


def mixed_is_dedicated(vm: Vm) -> Iterator[Diagnostic]:
    """KV329: with mixed at least one vCPU floats, as Nova asks too."""
    if vm.pin.strategy == "mixed" and span(vm.cpu.max) <= (vm.pin.vcpus or CpuSet()):
        yield error(
            "KV329",
            "strategy mixed, but every vCPU is dedicated",
            vm.place.at("pin", "vcpus"),
            hint="write `strategy: dedicated` and leave vcpus out",
        )


RULES = (
    map_without_manual,
    unmapped_vcpus,
    map_beyond_max,
    mapped_to_nothing,
    vcpus_without_mixed,
    mixed_without_vcpus,
    mixed_beyond_max,
    mixed_is_dedicated,
)
