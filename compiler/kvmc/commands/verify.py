"""`kvmc verify`: what really runs where, against the plan, down to the kernel and the guest."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvmc import files
from kvmc.apply import cpuinfo, verify
from kvmc.apply.diff import diff_all
from kvmc.apply.kernel import all_tasks, cpu_states
from kvmc.apply.observe import not_seen
from kvmc.commands import looking, placed
from kvmc.commands.result import Failure
from kvmc.diagnostics import Outcome
from kvmc.report.drift import findings_json, findings_text, threads_json, threads_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from kvmc.apply.model import DomainDiff, Observation
    from kvmc.apply.verify import Finding
    from kvmc.commands.placed import Placed
    from kvmc.commands.result import Result, View
    from kvmc.diagnostics import Diagnostic
    from kvmc.render.model import Job

_MAX_CPUINFO = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """What one side of the verification gave."""

    findings: tuple[Finding, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    output: str = ""
    parts: tuple[tuple[str, Any], ...] = ()
    """Members of the JSON document."""
    fix: str | None = None


def run(options: argparse.Namespace, view: View) -> Result:
    """Verify libvirt's and the kernel's side, and with --cpuinfo the guest's; exit 3 on drift.

    With --cpuinfo and no --connect no libvirt is needed.
    """
    given = placed.place(options)
    if given.stopped:
        return given.inputs.result(document=_document((), ()))
    sides = []
    if options.connect is not None or options.cpuinfo is None:
        sides.append(_host_side(options, given, view))
    if options.cpuinfo is not None:
        sides.append(_guest_side(options, given))
    findings = tuple(f for side in sides for f in side.findings)
    fix = next((side.fix for side in sides if side.fix), None)
    found = [d for side in sides for d in side.diagnostics]
    return given.inputs.result(
        found,
        document=_document(sides, findings, fix),
        output="".join(side.output for side in sides) + findings_text(findings, view.style),
        said=_said(findings, fix) if not any(d.is_error for d in found) else "",
        differs=bool(findings),
    )


def _document(
    sides: Sequence[_Checked], findings: Sequence[Finding], fix: str | None = None
) -> dict[str, object]:
    parts = {name: value for side in sides for name, value in side.parts}
    drift = {"findings": findings_json(findings), "fix": fix}
    return {"kvmc": "v1", "kind": "verify", "domains": [], "guest": None} | parts | drift


def _said(findings: Sequence[Finding], fix: str | None) -> str:
    if not findings:
        return "nothing drifted\n"
    count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    explain = f"nothing apply can mend; `kvmc explain {findings[0].code}` says what can"
    way = f"to fix it: {fix}" if fix else explain
    return f"{count}; {way}\n"


def _host_side(options: argparse.Namespace, given: Placed, view: View) -> _Checked:
    uri = options.connect or placed.SYSTEM
    seen = looking.look(uri, given.names)
    jobs = placed.jobs_on(given, seen.host)
    compared = diff_all(jobs, seen)
    diffs = compared.value or ()
    findings = [f for one in diffs for f in verify.of_settings(one)]
    findings += _kernel_findings(jobs, diffs, seen)
    shown = [(job, found) for job in jobs if (found := seen.find(job.vm.name))]
    return _Checked(
        findings=tuple(findings),
        diagnostics=(*compared.diagnostics, *not_seen(seen, {job.vm.name for job in jobs})),
        output="".join(threads_text(job.plan, found, view.style) for job, found in shown),
        parts=(
            ("connection", uri),
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


def _guest_side(options: argparse.Namespace, given: Placed) -> _Checked:
    """Compare a guest's /proc/cpuinfo with the one VM it can be of; Failure(2) with several."""
    if len(given.jobs) != 1:
        names = ", ".join(job.vm.name for _, job in given.jobs) or "none"
        raise Failure(2, f"--cpuinfo is one guest's, and the VMs are: {names}; name one's file")
    home, job = given.jobs[0]
    read = _cpuinfo(options.cpuinfo)
    seen = read.value
    if seen is None:
        return _Checked(diagnostics=read.diagnostics)
    hosts = {host.name: host for host in given.inputs.repository.hosts}
    host_model = hosts[home].model if home in hosts else None
    found = cpuinfo.compare(job.vm, job.plan.topology, seen, host_model)
    counts = seen.counts
    checked = cpuinfo.model_name(job.vm, host_model) is not None and bool(seen.models)
    text = f"{seen.cpus} CPUs (topology not told)" if counts is None else cpuinfo.words(counts)
    models = " and ".join(seen.models) or "no model name"
    guest = {
        "vm": job.vm.name,
        "cpus": seen.cpus,
        "summary": text,
        "models": list(seen.models),
        "topology_checked": counts is not None,
        "model_checked": checked,
    }
    return _Checked(
        findings=tuple(
            verify.Finding(vm=job.vm.name, code=code, layer="guest", message=message)
            for code, message in sorted(found.items())
        ),
        diagnostics=read.diagnostics,
        output=f"{job.vm.name} sees {text}; {models}{'' if checked else ' (not checked)'}\n",
        parts=(("guest", guest),),
    )


def _cpuinfo(path: str) -> Outcome[cpuinfo.GuestCpus]:
    if path == "-":
        data, name = sys.stdin.buffer.read(_MAX_CPUINFO), "<stdin>"
    else:
        read = files.read_file(Path(path), _MAX_CPUINFO)
        if read.value is None:
            return Outcome(None, read.diagnostics)
        data, name = read.value.content, path
    return cpuinfo.read_guest(data.decode("utf-8", "replace"), name)
