"""`kvmc run`: start QEMU for one VM, pinned as planned, and stay with it unless --detach."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kvmc import pipeline
from kvmc.commands import inputs
from kvmc.commands.bases import read_bases
from kvmc.commands.result import Failure, Result
from kvmc.diagnostics import Diagnostic, Outcome
from kvmc.runtime import guests
from kvmc.runtime.orders import orders_of
from kvmc.runtime.trouble import Trouble

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from kvmc.commands.inputs import Inputs
    from kvmc.commands.result import View
    from kvmc.pipeline import Planned
    from kvmc.render.model import Job
    from kvmc.runtime.launch import Started

_PATIENCE = 60
"""Seconds until QEMU answers, and one more for each GiB to allocate, as libvirt gives it."""


def run(options: argparse.Namespace, _view: View) -> Result:
    """Plan PATH, which holds one VM, and start it; it runs only when all is as it was planned."""
    read = inputs.read(options)
    if read.failed:
        return read.result(document=_document())
    read, planned = inputs.plan(options, read)
    if len(planned.vms) != 1:
        found = f"there are {len(planned.vms)} VMs" if planned.vms else "there is no VM"
        raise Failure(2, f"{found} in {' '.join(options.paths) or '.'}; name the file of one")
    job = _job(planned)
    found_here = (*job.diagnostics, *(_foreign(planned, job.value) if job.value else ()))
    if job.value is None or inputs.stops((*read.diagnostics, *found_here), options):
        return read.result(found_here, document=_document())
    return _run(options, read, job.value, found_here)


def _job(planned: Planned) -> Outcome[Job]:
    """Return what to render: the VM, its placement and its base; no value for one unplaced."""
    bases, missing = read_bases(planned)
    if missing:
        return Outcome(None, missing)
    # the plan of a host also has what its lock holds
    (name,) = {vm.name for vm in planned.vms.values()}
    return Outcome(next((j for _, j in pipeline.jobs(planned, bases) if j.vm.name == name), None))


def _foreign(planned: Planned, job: Job) -> tuple[Diagnostic, ...]:
    """Return what shows that the plan is not for this machine."""
    from kvmc.host.probe import local_name, probe_sysfs
    from kvmc.runtime.fitness import other_machine

    orders = orders_of(job)
    if not orders.cpus:
        return ()
    here = probe_sysfs(Path("/"), local_name()).value
    (host_name,) = (name for name, _ in planned.vms)
    hosts = (plan.host for plan in planned.plan.hosts if plan.host)
    host = next((host for host in hosts if host.name == host_name), None)
    return other_machine(job.vm, orders.cpus, host, here) if here else ()


def _run(
    options: argparse.Namespace, read: Inputs, job: Job, found: tuple[Diagnostic, ...]
) -> Result:
    from kvmc.render.qemu import argv_of
    from kvmc.runtime.launch import forward_signals, start

    folder = guests.folder_for(job.vm.name)
    command = argv_of(job, qmp=str(folder / "qmp"), paused=True)
    found = (*found, *command.diagnostics)
    if command.value is None or inputs.stops((*read.diagnostics, *found), options):
        return read.result(found, document=_document())
    words = (*command.value, *_pid_file(options.pid_file))
    try:
        with guests.place_for(job.vm.name, folder):
            started = start(
                orders_of(job),
                words,
                folder,
                strict=options.strict,
                seconds=_PATIENCE + job.vm.memory_kib / 2**20,
            )
            if not options.detach:
                forward_signals(started)
    except Trouble as trouble:
        return read.result(
            (*found, *trouble.diagnostics), document=_document(), status=trouble.status
        )
    return read.result(
        (*found, *started.said),
        document=_document(started),
        said=_said(started, detach=options.detach),
        then=None if options.detach else lambda: _stay(started),
    )


def _pid_file(path: str | None) -> tuple[str, ...]:
    """Return the option by which QEMU writes, locks and in the end removes its own pid file."""
    return () if path is None else ("-pidfile", str(Path(path).absolute()))


def _said(started: Started, *, detach: bool) -> str:
    guest = started.guest
    pins = len(guest.orders.vcpus)
    pinned = f"{pins} of {guest.orders.max} vCPUs have pins" if pins else "nothing is pinned"
    end = f"its output goes to {guest.log}" if detach else "Ctrl-C ends it"
    return f"{guest.name} runs as process {guest.pid}: {pinned}; {end}\n"


def _document(started: Started | None = None) -> Mapping[str, object]:
    guest = started.guest if started else None
    return {
        "kvmc": "v1",
        "kind": "run",
        "name": guest.name if guest else None,
        "pid": guest.pid if guest else None,
        "qmp": str(guest.socket) if guest else None,
    }


def _stay(started: Started) -> Result:
    """Wait for QEMU, then give its words and its status on."""
    from kvmc.runtime.launch import wait
    from kvmc.runtime.process import describe, exit_code

    status, words = wait(started)
    end = "" if status == 0 else f"{started.guest.name}: QEMU {describe(status)}\n"
    # QEMU says the same about every vCPU
    unique = "".join(f"{line}\n" for line in dict.fromkeys(words.splitlines()))
    return Result(said=unique + end, status=exit_code(status))
