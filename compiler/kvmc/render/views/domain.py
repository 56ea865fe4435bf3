"""The whole domain as the template prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.render.views.cpu import cpu_view
from kvmc.render.views.machine import features_view, machine_view
from kvmc.render.views.memory import backing_view, numatune_view
from kvmc.render.views.vcpu import cputune_view, vcpu_view

if TYPE_CHECKING:
    from kvmc.render.model import Job
    from kvmc.render.views.cpu import CpuView
    from kvmc.render.views.machine import FeaturesView, MachineView
    from kvmc.render.views.memory import BackingView, NumatuneView
    from kvmc.render.views.vcpu import CputuneView, VcpuView


class DomainView(Struct, frozen=True, kw_only=True):
    """One <domain>; memory in KiB."""

    name: str
    memory: int
    backing: BackingView
    vcpu: VcpuView
    iothreads: int
    cputune: CputuneView
    numatune: NumatuneView
    features: FeaturesView
    cpu: CpuView
    machine: MachineView


def domain_view(job: Job) -> DomainView:
    """Return what to print for a VM and its plan; with a base, only `machine` goes unused."""
    vm, plan = job.vm, job.plan
    return DomainView(
        name=vm.name,
        memory=vm.memory_kib,
        backing=backing_view(vm),
        vcpu=vcpu_view(vm, plan),
        iothreads=vm.iothreads,
        cputune=cputune_view(vm, plan),
        numatune=numatune_view(vm, plan),
        features=features_view(job),
        cpu=cpu_view(vm, plan),
        machine=machine_view(job),
    )
