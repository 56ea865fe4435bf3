"""Rules of the domain as a whole, KV351-KV354: name, base, promises to the guest, memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.diagnostics import error, warning
from kvmc.spec.names import name_problem
from kvmc.spec.phrases import quoted
from kvmc.words import both

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.diagnostics import Diagnostic
    from kvmc.spec.model import Vm


def refused_name(vm: Vm) -> Iterator[Diagnostic]:
    """KV351: a name that libvirt accepts and that is safe as the name of a file."""
    if problem := name_problem(vm.name):
        yield error(
            "KV351",
            f"the name {quoted(vm.name)} {problem}",
            vm.place.at("name"),
            hint="use letters, digits, '-', '_' and '.'",
        )


def base_and_machine(vm: Vm) -> Iterator[Diagnostic]:
    """KV352: the rest of the domain comes from a base or from a minimal machine, not from both."""
    machine = vm.machine
    given = {
        "machine": machine.machine,
        "type": machine.type,
        "emulator": machine.emulator,
        "boot": machine.boot,
        "disks": machine.disks,
        "serial": machine.serial,
    }
    names = [name for name, value in given.items() if value]
    if machine.base is not None and names:
        yield error(
            "KV352",
            f"{both(names)} cannot stand beside base",
            vm.place.at("base"),
            hint="the base has them: leave them out, or leave base out",
        )


def false_hint(vm: Vm) -> Iterator[Diagnostic]:
    """KV353: kvm-hint-dedicated only where no vCPU is ever preempted (QEMU, KVM_HINTS_REALTIME)."""
    if vm.features.kvm_hint_dedicated and not _owns_cpus(vm):
        yield warning(
            "KV353",
            "kvm_hint_dedicated is set, but not every vCPU has a host CPU of its own",
            vm.place.at("features", "kvm_hint_dedicated"),
            hint="the guest would spin where it should yield; use strategy dedicated",
        )


def pages_without_memory(vm: Vm) -> Iterator[Diagnostic]:
    """KV354: huge pages are a file or memfd, allocated at once (libvirt qemuValidateDomainDef)."""
    backing = vm.memory_backing
    if backing.hugepages_kib is None:
        return
    for name, word in (("source", "anonymous"), ("allocation", "ondemand")):
        if getattr(backing, name) == word:
            yield error(
                "KV354",
                f"huge pages cannot be had with {name} {word}",
                vm.place.at("memory_backing", name),
                hint=f"leave {name} out",
            )


def _owns_cpus(vm: Vm) -> bool:
    if vm.pin.strategy == "manual":
        pins = [cpus for _, cpus in vm.pin.map]
        return all(len(cpus) == 1 for cpus in pins) and len(set(pins)) == len(pins)
    return vm.pin.strategy == "dedicated"


RULES = (refused_name, base_and_machine, false_hint, pages_without_memory)
