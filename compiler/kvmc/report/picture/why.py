"""Why a CPU is as it is: who runs there, what policy says, and where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.cpuset import CpuSet
from kvmc.report.marks import Use
from kvmc.report.picture.markup import clean
from kvmc.words import both, many, some

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kvmc.host.model import Core, Host
    from kvmc.report.marks import Mark
    from kvmc.report.picture.model import Tenant
    from kvmc.report.picture.tenants import Visitor

_NAMED = 3
"""How many of the VMs that float on a CPU are named; a shared set may carry hundreds."""

_POLICY = {
    Use.RESERVED: "reserved for the host: never dedicated to a guest",
    Use.SHARED: "in the shared set",
    Use.EXCLUDED: "not for guests: outside of policy.dedicated",
    Use.FLOATING: "pinned to, but dedicated to nobody",
    Use.FREE: "free",
}


class Facts(Struct, frozen=True, kw_only=True):
    """What the reasons are read from."""

    host: Host
    marks: Mapping[int, Mark]
    tenants: Sequence[Tenant]
    visitors: Mapping[int, Sequence[Visitor]]


def why(facts: Facts, core: Core, cpu: int) -> tuple[str, ...]:
    """Return the reasons as lines; the first begins with `CPU n:`."""
    mark = facts.marks[cpu]
    visitors = facts.visitors.get(cpu, ())
    lines = list(_owned(facts, mark, visitors)) or [_policy(facts, core, mark)]
    lines += _floating(facts, mark, visitors)
    lines[0] = f"CPU {cpu}: {lines[0]}"
    lines.append(f"core {core.cpus[0]}: {_siblings(core)}")
    lines += _place(core)
    if cpu in facts.host.isolated:
        lines.append("isolated from the scheduler at boot")
    return tuple(lines)


def _owned(facts: Facts, mark: Mark, visitors: Sequence[Visitor]) -> Iterator[str]:
    """Yield what the VM runs here that has the CPU for itself."""
    if mark.use is not Use.VM:
        return
    mine = sorted((v for v in visitors if _name(facts, v) == clean(mark.owner)), key=_alone_first)
    if mine:
        also = f"; also {both([v.text for v in mine[1:]])}" if mine[1:] else ""
        yield f"{mine[0].text} of {clean(mark.owner)}{also}"


def _alone_first(visitor: Visitor) -> bool:
    return not visitor.alone


def _policy(facts: Facts, core: Core, mark: Mark) -> str:
    if mark.use is Use.POOL:
        return f"in the pool {clean(mark.owner)}, which belongs to someone else"
    if mark.use is Use.STRANDED:
        return f"stranded: {_takers(facts, core)}, so no other VM gets a CPU of this core"
    return _POLICY.get(mark.use, f"dedicated to {clean(mark.owner)}")


def _takers(facts: Facts, core: Core) -> str:
    for cpu in core.cpus:
        mark = facts.marks[cpu]
        if mark.use is Use.VM:
            return f"its sibling {cpu} belongs to {clean(mark.owner)}"
        if mark.use is Use.SHARED:
            return f"its sibling {cpu} is in the shared set"
        if mark.use is Use.FLOATING:
            return f"its sibling {cpu} is pinned to"
    return "its core is taken"


def _floating(facts: Facts, mark: Mark, visitors: Sequence[Visitor]) -> Iterator[str]:
    """Yield who else may run here: vCPUs that float, emulator and I/O threads of other VMs."""
    others = [v for v in visitors if mark.use is not Use.VM or _name(facts, v) != clean(mark.owner)]
    vcpus = [v for v in others if v.vcpu]
    rest = [v for v in others if not v.vcpu]
    if vcpus:
        yield f"{many(len(vcpus), 'vCPU')} may run here: {_names(facts, vcpus)}"
    if rest:
        yield f"emulator or I/O threads may run here: {_names(facts, rest)}"


def _names(facts: Facts, visitors: Sequence[Visitor]) -> str:
    names = list(dict.fromkeys(_name(facts, visitor) for visitor in visitors))
    return some(names, _NAMED)


def _name(facts: Facts, visitor: Visitor) -> str:
    return facts.tenants[visitor.tenant].name


def _siblings(core: Core) -> str:
    if len(core.cpus) == 1:
        return "one thread"
    return f"thread siblings {CpuSet(core.cpus)}"


def _place(core: Core) -> Iterator[str]:
    known = [
        f"{word} {fact}"
        for word, fact in (
            ("socket", core.package),
            ("die", core.die),
            ("node", core.node),
            ("L3", core.l3),
        )
        if fact is not None
    ]
    if core.kind:
        known.append(f"{core.kind} core")
    if known:
        yield ", ".join(known)
