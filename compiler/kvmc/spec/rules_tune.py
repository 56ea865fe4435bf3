"""Rules of `tune:`, KV341-KV348. Source: libvirt formatdomain.html, "CPU Tuning"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY, CpuSet, span
from kvmc.diagnostics import error, warning
from kvmc.words import vcpus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.diagnostics import Diagnostic, Place
    from kvmc.spec.model import Vm

_MIN_QUOTA = 1000
"""Microseconds; the kernel's smallest CFS quota."""

_MAX_WEIGHT = 10_000
"""The kernel's highest cpu.weight, which is what libvirt makes of shares with cgroup v2."""


def scheduler_beyond_max(vm: Vm) -> Iterator[Diagnostic]:
    """KV341: scheduler classes apply to vCPUs below cpu.max only."""
    for index, entry in enumerate(vm.tune.scheduler):
        if beyond := entry.vcpus - span(vm.cpu.max):
            yield error(
                "KV341",
                f"scheduler names {vcpus(beyond)}, but the last vCPU is {vm.cpu.max - 1}",
                _entry(vm, index, "vcpus"),
                hint="raise cpu.max, or take them out",
            )


def scheduler_twice(vm: Vm) -> Iterator[Diagnostic]:
    """KV342: a vCPU has one scheduler class (libvirt refuses overlapping vcpusched)."""
    seen = EMPTY
    for index, entry in enumerate(vm.tune.scheduler):
        if again := entry.vcpus & seen:
            yield error(
                "KV342",
                f"{vcpus(again)} already has a scheduler class"
                if len(again) == 1
                else f"{vcpus(again)} already have a scheduler class",
                _entry(vm, index, "vcpus"),
                hint="name each vCPU once",
            )
        seen = seen | entry.vcpus


def priority_missing(vm: Vm) -> Iterator[Diagnostic]:
    """KV343: fifo and rr need a priority."""
    for index, entry in enumerate(vm.tune.scheduler):
        if entry.realtime and entry.priority is None:
            yield error(
                "KV343",
                f"policy {entry.policy} needs a priority",
                _entry(vm, index, "policy"),
                hint="add `priority: 1` (1 to 99)",
            )


def priority_needless(vm: Vm) -> Iterator[Diagnostic]:
    """KV344: batch and idle know no priority."""
    for index, entry in enumerate(vm.tune.scheduler):
        if not entry.realtime and entry.priority is not None:
            yield error(
                "KV344",
                f"policy {entry.policy} takes no priority",
                _entry(vm, index, "priority"),
                hint="leave priority out, or use policy fifo or rr",
            )


def quota_too_small(vm: Vm) -> Iterator[Diagnostic]:
    """KV345: a quota is 1000 microseconds or more, or -1 for none."""
    if vm.tune.quota is not None and 0 <= vm.tune.quota < _MIN_QUOTA:
        yield error(
            "KV345",
            f"quota is {vm.tune.quota} microseconds; the least is 1000",
            vm.place.at("tune", "quota"),
            hint="write -1 for no limit",
        )


def scheduler_of_nothing(vm: Vm) -> Iterator[Diagnostic]:
    """KV346: a scheduler class applies to at least one vCPU."""
    for index, entry in enumerate(vm.tune.scheduler):
        if not entry.vcpus:
            yield error(
                "KV346",
                "the scheduler class applies to no vCPU",
                _entry(vm, index, "vcpus"),
                hint="leave vcpus out to mean all",
            )


def shares_above_weight(vm: Vm) -> Iterator[Diagnostic]:
    """KV347: libvirt writes shares into cpu.weight as they are, where the host has cgroup v2."""
    if vm.tune.shares is not None and vm.tune.shares > _MAX_WEIGHT:
        yield warning(
            "KV347",
            f"{vm.tune.shares} shares are more than cgroup v2 takes: {_MAX_WEIGHT} is the most",
            vm.place.at("tune", "shares"),
            hint="libvirt would not start it on a host with cgroup v2; lower the shares of all VMs "
            "alike, only their ratio counts",
        )


def realtime_floats(vm: Vm) -> Iterator[Diagnostic]:
    """KV348: a real-time thread starves whatever else its CPU has (libvirt kbase/kvm-realtime)."""
    for index, entry in enumerate(vm.tune.scheduler):
        if entry.realtime and (floating := entry.vcpus - _alone(vm)):
            yield warning(
                "KV348",
                f"policy {entry.policy} for {vcpus(floating)}, without a host CPU of "
                f"{'its' if len(floating) == 1 else 'their'} own",
                _entry(vm, index, "policy"),
                hint="a busy guest would starve the host and other VMs there; dedicate the vCPUs, "
                "or name only dedicated ones in `vcpus`",
            )


def _alone(vm: Vm) -> CpuSet:
    """Return the vCPUs that have a host CPU of their own, whatever else floats there."""
    pin = vm.pin
    if pin.strategy == "dedicated":
        return span(vm.cpu.max)
    if pin.strategy == "manual":
        return CpuSet(vcpu for vcpu, cpus in pin.map if len(cpus) == 1)
    return pin.vcpus if pin.strategy == "mixed" and pin.vcpus is not None else EMPTY


def _entry(vm: Vm, index: int, field: str) -> Place:
    return vm.place.at("tune", "scheduler", index, field)


RULES = (
    scheduler_beyond_max,
    scheduler_twice,
    priority_missing,
    priority_needless,
    quota_too_small,
    scheduler_of_nothing,
    shares_above_weight,
    realtime_floats,
)
