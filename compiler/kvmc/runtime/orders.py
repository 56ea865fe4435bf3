"""What the threads of one running guest were told: the part of a plan that outlives the build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kvmc.cpuset import CpuSet
from kvmc.runtime import limits as limits_codec
from kvmc.runtime.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmc.render.model import Job


class Class(Struct, frozen=True, kw_only=True):
    """A scheduler class, as sched(7) has them."""

    policy: str
    """batch, idle, fifo or rr."""
    priority: int = 0
    """1-99 with fifo and rr, else 0."""

    def __str__(self) -> str:
        """Return the kernel's word for it, with the priority: `SCHED_FIFO 1`."""
        return f"SCHED_{self.policy.upper()}" + (f" {self.priority}" if self.priority else "")


class Orders(Struct, frozen=True, kw_only=True):
    """CPUs and classes by thread; a thread that is not in a mapping floats."""

    name: str
    count: int
    """vCPUs at boot."""
    max: int
    vcpus: Mapping[int, CpuSet]
    """vCPU id (0..max-1) -> host CPUs."""
    emulator: CpuSet | None
    iothreads: Mapping[int, CpuSet]
    """I/O thread id (from 1) -> host CPUs."""
    classes: Mapping[int, Class]
    """vCPU id -> its scheduler class, where the spec asks for one."""
    limits: Limits

    @property
    def cpus(self) -> CpuSet:
        """Every host CPU that is named."""
        sets = (*self.vcpus.values(), *self.iothreads.values(), self.emulator or CpuSet())
        return CpuSet(cpu for cpus in sets for cpu in cpus)


def orders_of(job: Job) -> Orders:
    """Return what a VM's plan says of each thread, and the classes and limits of its spec."""
    return Orders(
        name=job.vm.name,
        count=job.vm.cpu.count,
        max=job.vm.cpu.max,
        vcpus={v.id: v.cpus for v in job.plan.vcpus if v.cpus is not None},
        emulator=job.plan.emulator,
        iothreads={i.id: i.cpus for i in job.plan.iothreads if i.cpus is not None},
        classes={
            vcpu: Class(policy=s.policy, priority=s.priority or 0)
            for s in job.vm.tune.scheduler
            for vcpu in s.vcpus
        },
        limits=Limits(
            shares=job.vm.tune.shares, period=job.vm.tune.period, quota=job.vm.tune.quota
        ),
    )


def to_json(orders: Orders) -> dict[str, Any]:
    """Return what `from_json` reads."""
    return {
        "name": orders.name,
        "count": orders.count,
        "max": orders.max,
        "vcpus": {str(i): str(cpus) for i, cpus in orders.vcpus.items()},
        "emulator": None if orders.emulator is None else str(orders.emulator),
        "iothreads": {str(i): str(cpus) for i, cpus in orders.iothreads.items()},
        "classes": {str(i): [c.policy, c.priority] for i, c in orders.classes.items()},
        "limits": limits_codec.to_json(orders.limits),
    }


def from_json(data: Mapping[str, Any]) -> Orders:
    """Read what `to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
    emulator = data["emulator"]
    return Orders(
        name=str(data["name"]),
        count=int(data["count"]),
        max=int(data["max"]),
        vcpus=_sets(data["vcpus"]),
        emulator=None if emulator is None else CpuSet.parse(emulator),
        iothreads=_sets(data["iothreads"]),
        classes={
            int(i): Class(policy=str(policy), priority=int(priority))
            for i, (policy, priority) in data["classes"].items()
        },
        limits=limits_codec.from_json(data["limits"]),
    )


def _sets(data: Mapping[str, str]) -> dict[int, CpuSet]:
    return {int(i): CpuSet.parse(text) for i, text in data.items()}
