"""From a host and its plan to a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet
from kvmc.report.marks import Use, marks_of
from kvmc.report.picture.boxes import boxes_of
from kvmc.report.picture.markup import clean
from kvmc.report.picture.memory import memories_of
from kvmc.report.picture.model import Core, Cpu, Entry, Picture
from kvmc.report.picture.palette import SIGNS
from kvmc.report.picture.tenants import numbers_of, tenants_of, visitors_of
from kvmc.report.picture.totals import totals_of
from kvmc.report.picture.why import Facts, why
from kvmc.words import many

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kvmc.host.model import Core as HostCore
    from kvmc.host.model import Host
    from kvmc.planner.model import HostPlan
    from kvmc.report.picture.memory import Asked


def compose(host: Host, plan: HostPlan | None, asked: Mapping[str, Asked]) -> Picture:
    """Return the picture of a host; `asked` maps a VM to its memory (spec, not plan)."""
    marks = marks_of(host, plan)
    memories = memories_of(host, plan, asked)
    sizes = {name: memory.kib for name, memory in asked.items()}
    facts = Facts(
        host=host,
        marks=marks,
        tenants=tenants_of(plan, marks, sizes),
        visitors=visitors_of(plan),
    )
    numbers = numbers_of(plan)
    return Picture(
        name=clean(host.name),
        about=", ".join(_about(host)),
        boxes=boxes_of(host, lambda core: _core(facts, numbers, core), memories),
        offline=tuple(_offline(cpu) for cpu in host.offline),
        legend=tuple(_legend(facts)),
        totals=totals_of(host, marks, memories),
        tenants=tuple(facts.tenants),
        unplaced=tuple(f"{clean(u.name)}: {clean(u.reason)}" for u in plan.unplaced)
        if plan
        else (),
    )


def _about(host: Host) -> Iterator[str]:
    yield from (clean(fact) for fact in (host.model, host.arch) if fact)
    for word, count in (("core", len(host.cores)), ("CPU", len(host.online))):
        yield many(count, word)


def _core(facts: Facts, numbers: Mapping[str, int], core: HostCore) -> Core:
    return Core(cpus=tuple(_cpu(facts, numbers, core, cpu) for cpu in core.cpus))


def _cpu(facts: Facts, numbers: Mapping[str, int], core: HostCore, cpu: int) -> Cpu:
    mark = facts.marks[cpu]
    tenant = numbers[mark.owner] if mark.use is Use.VM else None
    look, sign = ("vm", facts.tenants[tenant].letter) if tenant is not None else SIGNS[mark.use]
    return Cpu(
        id=cpu,
        look=look,
        sign=sign,
        tenant=tenant,
        isolated=cpu in facts.host.isolated,
        why=why(facts, core, cpu),
    )


def _offline(cpu: int) -> Cpu:
    return Cpu(
        id=cpu,
        look="offline",
        sign="x",
        tenant=None,
        isolated=False,
        why=(f"CPU {cpu}: offline", "where it stands is not known while it is offline"),
    )


def _legend(facts: Facts) -> Iterator[Entry]:
    """Yield what is drawn, with counts: VMs first, then uses in their fixed order."""
    for vm in facts.tenants:
        count = f" ({vm.dedicated})" if vm.dedicated else " (floats)"
        yield Entry(look="vm", sign=vm.letter, text=vm.name + count, tenant=vm.number)
    for use, (look, sign) in SIGNS.items():
        marks = [mark for mark in facts.marks.values() if mark.use is use]
        owners = ", ".join(sorted({clean(mark.owner) for mark in marks if mark.owner}))
        if marks:
            words = f"{use} {owners}" if owners else str(use)
            yield Entry(look=look, sign=sign, text=f"{words} ({len(marks)})")
    offline = facts.host.offline
    if offline:
        yield Entry(look="offline", sign="x", text=f"offline ({len(offline)})")
    isolated = facts.host.isolated & CpuSet(facts.marks)
    if isolated:
        yield Entry(look="isolated", sign="", text=f"isolated at boot ({len(isolated)})")
