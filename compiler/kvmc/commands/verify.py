"""`kvmc verify`: what really runs where, against the plan, down to the kernel and the guest."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from kvmc.apply import verify
from kvmc.apply.diff import diff_all
from kvmc.apply.kernel import all_tasks, cpu_states
from kvmc.apply.observe import not_seen
from kvmc.arguments import SYSTEM
from kvmc.commands import described, guests, looking, placed
from kvmc.commands.checked import Checked
from kvmc.report.drift import findings_json, findings_text, threads_json, threads_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from kvmc.apply.model import DomainDiff, Observation
    from kvmc.apply.verify import Finding
    from kvmc.commands.placed import Placed
    from kvmc.commands.result import Result, View
    from kvmc.render.model import Job


def run(options: argparse.Namespace, view: View) -> Result:
    """Verify the host, libvirt's and the kernel's side, and the guest's; exit 3 on drift.

    The guest's side is --cpuinfo, or with --agent what its agent tells. With --cpuinfo and neither
    --connect nor --agent no libvirt is needed.
    """
    looks = options.connect is not None or options.cpuinfo is None or options.agent
    uri = options.connect or SYSTEM
    given = placed.place(options, uri if looks else None)
    if given.stopped:
        return given.inputs.result(document=_document((), ()))
    sides: list[Checked] = []
    if looks:
        sides += _libvirt_sides(options, given, uri, view)
    if options.cpuinfo is not None:
        sides.append(guests.from_file(options, given))
    findings = tuple(f for side in sides for f in side.findings)
    fix = _first_fix(sides)
    found = [d for side in sides for d in side.diagnostics]
    return given.inputs.result(
        found,
        document=_document(sides, findings, fix),
        output="".join(side.output for side in sides) + findings_text(findings, view.style),
        said=_said(findings, fix) if not any(d.is_error for d in found) else "",
        differs=bool(findings),
    )


def _first_fix(sides: Sequence[Checked]) -> str | None:
    """Return what mends the first side that drifted: nothing is applied to the wrong host."""
    drifted = [side for side in sides if side.findings]
    return drifted[0].fix if drifted else None


def _document(
    sides: Sequence[Checked], findings: Sequence[Finding], fix: str | None = None
) -> dict[str, object]:
    parts = [part for side in sides for part in side.parts]
    told = {"guests": [value for name, value in parts if name == "guests"]}
    drift = {"findings": findings_json(findings), "fix": fix}
    return {"kvmc": "v1", "kind": "verify", "domains": []} | dict(parts) | told | drift


def _said(findings: Sequence[Finding], fix: str | None) -> str:
    if not findings:
        return "nothing drifted\n"
    count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    explain = f"nothing apply can mend; `kvmc explain {findings[0].code}` says what can"
    way = f"to fix it: {fix}" if fix else explain
    return f"{count}; {way}\n"


def _libvirt_sides(
    options: argparse.Namespace, given: Placed, uri: str, view: View
) -> list[Checked]:
    """Return the host, its domains, and the guests as far as they are asked."""
    seen = looking.look(uri, given.names)
    jobs = placed.jobs_on(given, seen.host)
    sides = [described.check(given, seen.host), _domains_side(options, jobs, seen, view)]
    if options.agent:
        return [*sides, *guests.from_agents(given, jobs, seen)]
    if options.cpuinfo is None:
        sides.append(Checked(diagnostics=guests.not_asked(jobs, seen)))
    return sides


def _domains_side(
    options: argparse.Namespace, jobs: tuple[Job, ...], seen: Observation, view: View
) -> Checked:
    compared = diff_all(jobs, seen)
    diffs = compared.value or ()
    findings = [f for one in diffs for f in verify.of_settings(one)]
    findings += _kernel_findings(jobs, diffs, seen)
    shown = [(job, found) for job in jobs if (found := seen.find(job.vm.name))]
    return Checked(
        findings=tuple(findings),
        diagnostics=(*compared.diagnostics, *not_seen(seen, {job.vm.name for job in jobs})),
        output="".join(
            threads_text(job.plan, found, view.style, view.room) for job, found in shown
        ),
        parts=(
            ("connection", seen.host.uri),
            ("kernel_checked", seen.kernel),
            (
                "domains",
                [
                    {
                        "name": found.name,
                        "state": found.state,
                        "threads": threads_json(job.plan, found),
                    }
                    for job, found in shown
                ],
            ),
        ),
        fix=_fix(diffs, options),
    )


def _kernel_findings(
    jobs: Sequence[Job], diffs: Sequence[DomainDiff], seen: Observation
) -> list[Finding]:
    """Return what only this machine's kernel can tell; nothing for a remote host."""
    if not seen.kernel:
        return []
    tree = looking.this_machine()
    states, tasks = cpu_states(tree), all_tasks(tree)
    findings: list[Finding] = []
    for job in jobs:
        findings += verify.of_host(job.plan, states)
        found = seen.find(job.vm.name)
        if found is not None and found.running:
            compared = next((one for one in diffs if one.name == found.name), None)
            if compared is not None:
                findings += verify.of_cgroups(job.plan, found, compared, states.online)
            findings += verify.of_foreigners(job.plan, found.pid, tasks, states.online)
    return findings


def _fix(diffs: Sequence[DomainDiff], options: argparse.Namespace) -> str | None:
    """Return the one command that mends what differs; None where none of kvmc's does."""
    if any(one.new or one.to_apply for one in diffs):
        words = ["kvmc", "apply", *options.paths]
        words += ["--host", options.host] if options.host else []
        words += ["--connect", options.connect] if options.connect else []
        return shlex.join(words)
    waiting = [one.name for one in diffs if one.changes]
    if waiting:
        name = shlex.quote(waiting[0])
        return f"virsh shutdown {name}, and when it is off virsh start {name}"
    return None
