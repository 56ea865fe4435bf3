"""The guest's side of `kvmc verify`: its /proc/cpuinfo, from a file or from its agent."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvmc import files
from kvmc.apply import agent, cpuinfo
from kvmc.apply.model import HypervisorError
from kvmc.apply.verify import Finding
from kvmc.commands.checked import Checked
from kvmc.commands.result import Failure
from kvmc.diagnostics import Outcome, note
from kvmc.report.style import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from kvmc.apply.libvirt_driver import Reader
    from kvmc.apply.model import Observation, Observed
    from kvmc.commands.placed import Placed
    from kvmc.diagnostics import Diagnostic
    from kvmc.render.model import Job

_MAX_CPUINFO = 16 * 1024 * 1024
_CPUINFO = "/proc/cpuinfo"
_ANSWER_SECONDS = 5
"""How long an agent may take for one answer; libvirt itself first waits that long for a sign."""
_GUEST_SECONDS = 10
"""How long one guest may take for everything."""


def from_file(options: argparse.Namespace, given: Placed) -> Checked:
    """Compare a guest's /proc/cpuinfo with the one VM it can be of; Failure(2) with several."""
    if len(given.jobs) != 1:
        names = ", ".join(job.vm.name for _, job in given.jobs) or "none"
        raise Failure(2, f"--cpuinfo is one guest's, and the VMs are: {names}; name one's file")
    read = _cpuinfo(options.cpuinfo)
    if read.value is None:
        return Checked(diagnostics=read.diagnostics)
    return _compared(given, given.jobs[0][1], read.value, "file")


def _cpuinfo(path: str) -> Outcome[cpuinfo.GuestCpus]:
    if path == "-":
        data, name = sys.stdin.buffer.read(_MAX_CPUINFO), "<stdin>"
    else:
        read = files.read_file(Path(path), _MAX_CPUINFO)
        if read.value is None:
            return Outcome(None, read.diagnostics)
        data, name = read.value.content, path
    return cpuinfo.read_guest(data.decode("utf-8", "replace"), name)


def not_asked(jobs: Iterable[Job], seen: Observation) -> tuple[Diagnostic, ...]:
    """Return note KV733 where agents could have been asked, and nobody said --agent."""
    names = [d.name for _, d in _running(jobs, seen) if agent.channel(d) == "connected"]
    if not names:
        return ()
    text = f"{', '.join(names)}: not checked inside: the guest agent needs a read-write connection"
    return (note("KV733", text, hint="kvmc verify --agent"),)


def from_agents(given: Placed, jobs: Sequence[Job], seen: Observation) -> tuple[Checked, ...]:
    """Ask the agent of every running guest, over a connection of its own that may write.

    Raises Failure(4) where that is refused. A guest that does not tell is said (note KV733).
    """
    running = list(_running(jobs, seen))
    if not any(agent.channel(domain) == "connected" for _, domain in running):
        return tuple(_silent(domain, _WHY_NOT[agent.channel(domain)]) for _, domain in running)
    from kvmc.apply.libvirt_driver import Reader

    try:
        with Reader(seen.host.uri, read_only=False) as reader:
            return tuple(_asked(given, job, domain, reader) for job, domain in running)
    except HypervisorError as reason:
        raise Failure(4, str(reason)) from reason


_WHY_NOT = {
    "none": "it has no channel for a guest agent",
    "disconnected": "no guest agent runs in it",
}


def _running(jobs: Iterable[Job], seen: Observation) -> Iterator[tuple[Job, Observed]]:
    for job in jobs:
        found = seen.find(job.vm.name)
        if found is not None and found.running:
            yield job, found


def _asked(given: Placed, job: Job, domain: Observed, reader: Reader) -> Checked:
    if (state := agent.channel(domain)) != "connected":
        return _silent(domain, _WHY_NOT[state])
    end = time.monotonic() + _GUEST_SECONDS

    def ask(command: str) -> str:
        left = end - time.monotonic()
        if left <= 0:
            raise HypervisorError(f"its guest agent took more than {_GUEST_SECONDS} s")
        return reader.ask_agent(domain.name, command, max(1, min(_ANSWER_SECONDS, int(left))))

    try:
        text = agent.read_file(ask, _CPUINFO)
    except HypervisorError as reason:
        return _silent(domain, str(reason))
    read = cpuinfo.read_guest(text, f"{_CPUINFO} of {domain.name}")
    if read.value is None:
        return _silent(domain, "its /proc/cpuinfo lists no CPUs")
    return _compared(given, job, read.value, "agent")


def _silent(domain: Observed, why: str) -> Checked:
    return Checked(diagnostics=(note("KV733", f"{domain.name}: not checked inside: {why}"),))


def _compared(given: Placed, job: Job, seen: cpuinfo.GuestCpus, source: str) -> Checked:
    home = next(name for name, one in given.jobs if one is job)
    hosts = {host.name: host for host in given.inputs.repository.hosts}
    host_model = hosts[home].model if home in hosts else None
    found = cpuinfo.compare(job.vm, job.plan.topology, seen, host_model)
    checked = cpuinfo.model_name(job.vm, host_model) is not None and bool(seen.models)
    text = (
        f"{seen.cpus} CPUs (topology not told)"
        if seen.counts is None
        else cpuinfo.words(seen.counts)
    )
    # a guest writes what it likes into its own cpuinfo
    models = printable(" and ".join(seen.models)) or "no model name"
    guest: dict[str, Any] = {
        "vm": job.vm.name,
        "source": source,
        "cpus": seen.cpus,
        "summary": text,
        "models": list(seen.models),
        "topology_checked": seen.counts is not None,
        "model_checked": checked,
    }
    return Checked(
        findings=tuple(
            Finding(vm=job.vm.name, code=code, layer="guest", message=message)
            for code, message in sorted(found.items())
        ),
        output=f"{job.vm.name} sees {text}; {models}{'' if checked else ' (not checked)'}\n",
        parts=(("guests", guest),),
    )
