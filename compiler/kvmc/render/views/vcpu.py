"""<vcpu>, <iothreads> and <cputune>: how many threads there are and where they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.cpuset import union
from kvmc.render.views.attributes import attributes

if TYPE_CHECKING:
    from kvmc.planner.model import VmPlan
    from kvmc.render.views.attributes import Attributes
    from kvmc.spec.model import Tune, Vm


class VcpuView(Struct, frozen=True, kw_only=True):
    """<vcpu>: the text is the ceiling, `current` is there only where fewer are there at boot."""

    ceiling: int
    attributes: Attributes


class CputuneView(Struct, frozen=True, kw_only=True):
    """<cputune>, in libvirt's order; `present` is whether there is anything to print."""

    limits: tuple[tuple[str, int], ...]
    """(element, value): shares, period and quota in microseconds."""
    vcpus: tuple[Attributes, ...]
    emulator: tuple[Attributes, ...]
    iothreads: tuple[Attributes, ...]
    schedulers: tuple[Attributes, ...]

    @property
    def present(self) -> bool:
        """Whether libvirt gets the element at all."""
        return bool(self.limits or self.vcpus or self.emulator or self.iothreads or self.schedulers)


def vcpu_view(vm: Vm, plan: VmPlan) -> VcpuView:
    """Return <vcpu>; its cpuset is the union of all pins, and static with or without one.

    The cpuset is where libvirt starts QEMU's threads before it pins each. placement='static' is
    always said, because the default is `auto` where <numatune> asks numad (formatdomain, vcpu).
    """
    pins = [pin.cpus for pin in plan.vcpus if pin.cpus is not None]
    # a vCPU without a pin runs on the cpuset, so that one may not be narrower than it asked
    everyone = len(pins) == len(plan.vcpus)
    return VcpuView(
        ceiling=vm.cpu.max,
        attributes=attributes(
            placement="static",
            cpuset=union(pins) if pins and everyone else None,
            current=vm.cpu.count if vm.cpu.count != vm.cpu.max else None,
        ),
    )


def cputune_view(vm: Vm, plan: VmPlan) -> CputuneView:
    """Return <cputune>: a pin for every vCPU of 0..max-1 that the plan places."""
    return CputuneView(
        limits=_limits(vm.tune),
        vcpus=tuple(
            attributes(vcpu=pin.id, cpuset=pin.cpus) for pin in plan.vcpus if pin.cpus is not None
        ),
        emulator=() if plan.emulator is None else (attributes(cpuset=plan.emulator),),
        iothreads=tuple(
            attributes(iothread=pin.id, cpuset=pin.cpus)
            for pin in plan.iothreads
            if pin.cpus is not None
        ),
        schedulers=tuple(
            attributes(vcpus=one.vcpus, scheduler=one.policy, priority=one.priority)
            for one in sorted(vm.tune.scheduler, key=lambda s: tuple(s.vcpus))
        ),
    )


def _limits(tune: Tune) -> tuple[tuple[str, int], ...]:
    limits = (("shares", tune.shares), ("period", tune.period), ("quota", tune.quota))
    return tuple((name, value) for name, value in limits if value is not None)
