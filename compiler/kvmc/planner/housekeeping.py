"""What a plan leaves for the host itself: its kernel, libvirtd, QEMU's floating threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import union
from kvmc.diagnostics import note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kvmc.cpuset import CpuSet
    from kvmc.diagnostics import Diagnostic
    from kvmc.planner.model import HostPlan, VmPlan
    from kvmc.spec.model import Vm


def nothing_left(plan: HostPlan, vms: Mapping[str, Vm]) -> Iterator[Diagnostic]:
    """KV509: every CPU that the kernel gives to ordinary tasks is dedicated or a pool's.

    Idle siblings count as left: they are no VM's. Of Nova's checks in hotsos (cpu_pinning.yaml).
    """
    host = plan.host
    if host is None:
        return
    taken = union(cpus for vm in plan.vms for cpus in _own(vm, vms[vm.name]))
    taken |= union(cpus for _, cpus in plan.others)
    if taken and not host.online - taken - host.policy.pooled - host.isolated:
        core = ",".join(map(str, host.cores[0].cpus))
        pooled = host.online & host.policy.pooled
        uses = (
            (taken, "are dedicated to guests"),
            (pooled, "in pools"),
            (host.online & host.isolated - taken - pooled, "isolated at boot"),
        )
        listed = ", ".join(f"{len(cpus)} {words}" for cpus, words in uses if cpus)
        yield note(
            "KV509",
            f"nothing of {host.name} is left for the host itself: "
            f"of its {len(host.online)} CPUs {listed}",
            host.place.at("policy") if host.place else None,
            hint=f'reserve a core for it, e.g. `policy: {{reserved: "{core}"}}`',
        )


def _own(plan: VmPlan, vm: Vm) -> Iterator[CpuSet]:
    """Yield the CPUs that nobody but this VM gets."""
    yield from (pin.cpus for pin in plan.vcpus if pin.dedicated and pin.cpus)
    if vm.pin.emulator == "isolate" and plan.emulator:
        yield plan.emulator
    if vm.pin.iothreads == "isolate":
        yield from (thread.cpus for thread in plan.iothreads if thread.cpus)
