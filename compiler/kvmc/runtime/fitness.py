"""Whether a plan is for this machine, and what of a spec `kvmc run` does not do. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.diagnostics import Diagnostic, error, warning

if TYPE_CHECKING:
    from kvmc.cpuset import CpuSet
    from kvmc.host.model import Host
    from kvmc.spec.model import Vm


def other_machine(vm: Vm, cpus: CpuSet, planned: Host | None, here: Host) -> tuple[Diagnostic, ...]:
    """Return KV775 where planned CPUs are not online here, KV777 where the cores are others.

    `planned` is the host of the plan; None for pins by hand that name no host.
    """
    absent = cpus - here.online
    hint = "use --host local, or write the description anew with `kvmc host probe`"
    if absent:
        text = f"{vm.name} is planned for CPUs {absent}; online here are {here.online}"
        return (error("KV775", text, vm.place, hint=hint),)
    if planned is not None and _shape(planned) != _shape(here):
        text = f"{vm.name} is planned for {planned.name}, whose cores are not those of this machine"
        return (warning("KV777", text, vm.place, hint=hint),)
    return ()


def _shape(host: Host) -> list[tuple[tuple[int, ...], int | None]]:
    return sorted((core.cpus, core.node) for core in host.cores)


def unset(vm: Vm) -> tuple[Diagnostic, ...]:
    """Return KV766 for cgroup limits, which `kvmc run` does not set."""
    asked = [name for name in ("shares", "period", "quota") if getattr(vm.tune, name) is not None]
    if not asked:
        return ()
    text = f"{vm.name}: kvmc run makes no cgroup, so nothing sets tune.{', tune.'.join(asked)}"
    hint = "start it with `systemd-run --scope -p CPUWeight=... kvmc run ...`, or under libvirt"
    return (warning("KV766", text, vm.place.at("tune", asked[0]), hint=hint),)
