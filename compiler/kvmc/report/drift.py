"""Differences and drift for people (tables) and for machines (JSON)."""

from __future__ import annotations

from difflib import unified_diff
from io import StringIO
from typing import TYPE_CHECKING, Any

from kvmc.apply.compare_kernel import scheduler_text
from kvmc.apply.model import Label
from kvmc.apply.verify import masks, who
from kvmc.report.style import printable
from kvmc.report.table import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmc.apply.model import Change, DomainDiff, Observed
    from kvmc.apply.verify import Finding
    from kvmc.planner.model import VmPlan
    from kvmc.report.style import Style

_NOTHING = "-"


def diff_json(diffs: Iterable[DomainDiff]) -> list[dict[str, Any]]:
    """Return the `domains` of `kvmc diff --format json`; null is libvirt's default, or unknown."""
    return [
        {
            "name": one.name,
            "new": one.new,
            "state": one.state,
            "changes": [_change_json(change) for change in one.changes],
        }
        for one in diffs
    ]


def _change_json(change: Change) -> dict[str, Any]:
    layers = {
        "inactive": change.in_inactive,
        "live": change.in_live,
        "kernel": change.in_kernel,
    }
    return {
        "path": change.path,
        "wanted": change.wanted,
        "inactive": change.inactive,
        "live": change.live,
        "kernel": change.kernel,
        "differs_in": [layer for layer, differs in layers.items() if differs],
        "label": str(change.label),
        "pending": change.pending,
    }


def diff_text(diffs: Iterable[DomainDiff], style: Style, room: int | None = None) -> str:
    """Return a table for each VM that differs: the spec, the three columns of truth, the effect.

    Lines are folded to `room` columns; None folds nothing.
    """
    return "\n".join(_diff_one(one, style, room) for one in diffs if one.differs)


def _diff_one(one: DomainDiff, style: Style, room: int | None) -> str:
    name = style.paint(printable(one.name), "1")
    if one.new:
        return f"{name}: new domain, libvirt has none of this name\n"
    head = ("", "spec", "inactive", "live", "kernel", "effect")
    rows = [_row(change, one) for change in one.changes]
    lines = table(head, rows, style, room)
    return "".join(f"{line}\n" for line in (f"{name} ({one.state})", *lines))


def _row(change: Change, one: DomainDiff) -> tuple[str, ...]:
    threads = change.path.startswith(("vcpupin", "iothreadpin", "emulatorpin", "vcpusched"))
    told = threads or change.kernel is not None
    effect = "waits for the next boot" if change.pending else _effect(change)
    return (
        f"  {change.path}",
        printable(change.wanted or _NOTHING),
        _cell(change.inactive, differs=change.in_inactive) if one.inactive_xml is not None else "",
        _cell(change.live, differs=change.in_live) if one.running else "",
        _cell(change.kernel, differs=change.in_kernel) if one.running and told else "",
        effect,
    )


def _effect(change: Change) -> str:
    return {Label.NONE: "definition only"}.get(change.label, str(change.label))


def _cell(value: str | None, *, differs: bool) -> str:
    """Return a value, marked where it is not as the spec wants it."""
    text = printable(value or _NOTHING)
    return f"{text} *" if differs else text


def diff_xml(diffs: Iterable[DomainDiff]) -> str:
    """Return a unified diff of libvirt's definitions against what apply would define.

    It is for reading: control characters that XML may hold are escaped, tabs stay.
    """
    parts = []
    for one in diffs:
        old, new = _lines(one.inactive_xml or ""), _lines(one.wanted_xml)
        source = "/dev/null" if one.inactive_xml is None else f"libvirt/{one.name}.xml"
        for line in unified_diff(old, new, source, f"kvmc/{one.name}.xml"):
            text = "\t".join(map(printable, line.removesuffix("\n").split("\t")))
            end = "" if line.endswith("\n") else "\\ No newline at end of file\n"
            parts.append(f"{text}\n{end}")
    return "".join(parts)


def _lines(text: str) -> list[str]:
    """Return the lines with their ends; U+0085 and its like, which end none in XML, end none."""
    return list(StringIO(text, newline="\n"))


def threads_json(plan: VmPlan, observed: Observed) -> list[dict[str, Any]]:
    """Return every thread of a guest as the kernel has it; `wanted` null: not pinned."""
    wanted = {mask.who: str(mask.cpus) for mask in masks(plan)}
    return [
        {
            "role": thread.role,
            "id": thread.id,
            "tid": thread.tid,
            "name": thread.name,
            "wanted": wanted.get(who(thread)),
            "cpus": str(thread.cpus),
            "last_cpu": thread.last_cpu,
            "policy": thread.policy,
            "priority": thread.priority,
            "cgroup": thread.cgroup,
            "effective": None if thread.effective is None else str(thread.effective),
        }
        for thread in observed.threads
    ]


def threads_text(plan: VmPlan, observed: Observed, style: Style, room: int | None = None) -> str:
    """Return a table of a guest's threads: where they belong, may run and ran last.

    Lines are folded to `room` columns; None folds nothing.
    """
    name = style.paint(printable(observed.name), "1")
    title = f"{name} ({observed.state})"
    if not observed.threads:
        return f"{title}\n"
    wanted = {mask.who: str(mask.cpus) for mask in masks(plan)}
    rows = [
        (
            f"  {who(thread)}",
            str(thread.tid),
            printable(thread.name),
            wanted.get(who(thread), _NOTHING),
            str(thread.cpus),
            "" if thread.effective is None else str(thread.effective),
            str(thread.last_cpu),
            "" if thread.policy == "other" else scheduler_text(thread),
        )
        for thread in sorted(observed.threads, key=lambda t: (t.role != "vcpu", t.role, t.id or 0))
    ]
    head = ("", "thread", "name", "plan", "allowed", "cgroup", "ran on", "class")
    return "".join(f"{line}\n" for line in (title, *table(head, rows, style, room)))


def findings_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return the `findings` of `kvmc verify --format json`."""
    return [
        {"vm": f.vm, "host": f.host, "code": f.code, "layer": f.layer, "message": f.message}
        for f in findings
    ]


def _line(finding: Finding) -> str:
    return f"{finding.vm or finding.host}: {finding.message}"


def findings_text(findings: Sequence[Finding], style: Style) -> str:
    """Return one line a finding."""
    return "".join(
        f"{style.paint(f'drift[{f.code}]', '1;31')} {printable(_line(f))}\n" for f in findings
    )
