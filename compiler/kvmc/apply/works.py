"""From differences to works: what apply will do to each domain, no more than the labels allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.apply.compare_cpu import cpu_facts
from kvmc.apply.compare_memory import memory_facts
from kvmc.apply.compare_threads import thread_facts
from kvmc.apply.model import Label
from kvmc.apply.steps import Step, Work
from kvmc.cpuset import CpuSet, union
from kvmc.render.xmltree import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.apply.model import CgroupVersion, Change, DomainDiff, Observed
    from kvmc.apply.steps import Kind, Live
    from kvmc.planner.model import VmPlan

_ORDER: tuple[Kind, ...] = (
    "iothread", "vcpupin", "vcpus", "emulatorpin", "iothreadpin", "scheduler",
)  # fmt: skip
"""Pins of vCPUs that are not plugged yet come before the plug, so that none ever floats."""
_PARAMETERS = {"shares": "cpu_shares", "period": "vcpu_period", "quota": "vcpu_quota"}
_DEFAULTS = {"period": "100000", "quota": "-1"}
"""What libvirt and the kernel have where nothing is said (virsh schedinfo)."""
_SHARES: dict[CgroupVersion | None, str] = {1: "1024", 2: "100", None: "1024"}


def work_of(  # noqa: PLR0913 (what differs, what is there, what is asked)
    found: DomainDiff,
    observed: Observed | None,
    live: Live | None,
    online: CpuSet,
    *,
    cgroup: CgroupVersion | None = None,
    start: bool = False,
) -> Work:
    """Return what is to be done to one domain; `start`: whether to start it where it is off.

    A transient domain has no definition, and gets none.
    """
    old = observed.inactive if observed else None
    defines = found.new or any(change.in_inactive for change in found.changes)
    return Work(
        name=found.name,
        uuid=observed.uuid if observed else None,
        old=old,
        new=found.wanted_xml if defines else None,
        live=live,
        steps=_steps(found, live, online, cgroup) if live else (),
        start=start and live is None,
    )


def pins_of(plan: VmPlan) -> CpuSet:
    """Return all host CPUs that a plan names for a VM."""
    pins = [pin.cpus for pin in plan.vcpus] + [pin.cpus for pin in plan.iothreads]
    return union(pin for pin in (*pins, plan.emulator) if pin is not None)


def alike(new: str, now: str) -> bool:
    """Whether two definitions say the same of threads, memory, topology and cells.

    That is how a definition of an apply that was killed is known again: libvirt prints what it was
    given in its own way. The CPU model is left out, because libvirt completes it.
    """
    one, other = (_facts(text) for text in (new, now))
    return one is not None and one == other


def _facts(text: str) -> dict[str, str] | None:
    root = parse(text.encode(), "a definition", None).value
    if root is None:
        return None
    found = memory_facts(root) | thread_facts(root) | cpu_facts(root)
    shape = ("cpu/topology", "cpu/numa/")
    return {k: v for k, v in found.items() if not k.startswith("cpu/") or k.startswith(shape)}


def does_something(work: Work) -> bool:
    """Whether there is anything to do at all."""
    return work.new is not None or bool(work.steps) or work.start


def _steps(
    found: DomainDiff, live: Live, online: CpuSet, cgroup: CgroupVersion | None
) -> tuple[Step, ...]:
    steps = [
        step
        for change in found.changes
        if change.label is Label.LIVE and (change.in_live or change.in_kernel)
        for step in _steps_of(change, live, online, cgroup)
    ]
    return tuple(sorted(steps, key=lambda step: _ORDER.index(step.kind)))


def _steps_of(
    change: Change, live: Live, online: CpuSet, cgroup: CgroupVersion | None
) -> Iterator[Step]:
    kind, _, which = change.path.partition("/")
    cpus = change.wanted or str(online)
    if kind == "vcpupin":
        yield Step(kind="vcpupin", target=which, value=cpus)
    elif kind == "emulatorpin":
        yield Step(kind="emulatorpin", value=cpus)
    elif kind == "iothreadpin":
        yield Step(kind="iothreadpin", target=which, value=cpus)
    elif change.path == "vcpu/current":
        yield Step(kind="vcpus", value=(change.wanted or "").partition(" ")[0])
    elif change.path == "iothreads":
        there = CpuSet(thread for thread, _ in live.iothreads)
        for thread in CpuSet.parse(change.wanted or "") - there:
            yield Step(kind="iothread", target=str(thread))
    elif kind == "cputune":
        value = change.wanted or _DEFAULTS.get(which) or _SHARES[cgroup]
        yield Step(kind="scheduler", target=_PARAMETERS[which], value=value)
