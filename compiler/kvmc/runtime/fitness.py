"""Whether a plan is for this machine. Pure."""

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
