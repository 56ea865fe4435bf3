"""What diff, verify and apply share: the specs placed, and libvirt's side of the same host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc import pipeline
from kvmc.commands import inputs
from kvmc.commands.bases import read_bases
from kvmc.commands.hosts import called, unnamed
from kvmc.diagnostics import warning

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from kvmc.apply.model import HostIdentity
    from kvmc.commands.inputs import Inputs
    from kvmc.diagnostics import Diagnostic
    from kvmc.render.model import Job


class Placed(Struct, frozen=True, kw_only=True):
    """The specs that were read, and what to render on which host (None: on any)."""

    inputs: Inputs
    jobs: tuple[tuple[str | None, Job], ...] = ()
    planned: pipeline.Planned = pipeline.EMPTY
    """The plan itself, with the locks as they would be."""
    stopped: bool = False
    """Whether the input is wrong, so that there is nothing to compare."""

    @property
    def names(self) -> frozenset[str]:
        """The VMs' names."""
        return frozenset(job.vm.name for _, job in self.jobs)


def place(options: argparse.Namespace, uri: str | None) -> Placed:
    """Read, check and plan as `kvmc build` does, around what undeclared domains hold at `uri`.

    None: nothing of libvirt is looked at, unless the options name a connection.
    """
    read = inputs.read(options)
    if read.failed:
        return Placed(inputs=read, stopped=True)
    read, planned = inputs.plan(options, read, uri)
    bases, missing = read_bases(planned)
    read = replace(read, diagnostics=(*read.diagnostics, *missing))
    if inputs.stops(read.diagnostics, options):
        return Placed(inputs=read, stopped=True)
    return Placed(inputs=read, jobs=pipeline.jobs(planned, bases), planned=planned)


def another_name(placed: Placed, host: HostIdentity) -> tuple[Diagnostic, ...]:
    """Return a warning where the one host that was planned has another name than this connection.

    The pins may be another machine's CPU numbers, and where the two are alike no look shows it.
    --host says that it is the one that is meant, by whatever name.
    """
    names = sorted({name for name, _ in placed.jobs if name is not None})
    if placed.inputs.forced is not None or not names or called(host.hostname) & set(names):
        return ()
    text = f"{host.uri} calls itself {host.hostname}, and the specs are for {', '.join(names)}"
    hint = f"--host {names[0]} says that it is that one"
    return (warning("KV713", text, hint=hint),)


def jobs_on(placed: Placed, host: HostIdentity) -> tuple[Job, ...]:
    """Return the jobs that are this connection's: its host's, and those that fit any host.

    The host's name in the specs is the one libvirt's machine calls itself by, with or without its
    domain; where the specs plan one host only, that is the one. Raises Failure(2) otherwise.
    """
    names = {name for name, _ in placed.jobs if name is not None}
    mine = names & called(host.hostname)
    if len(names) > 1 and not mine:
        raise unnamed(host.uri, host.hostname, f"the specs are for {', '.join(sorted(names))}")
    return tuple(_chosen(placed, mine or names, host))


def _chosen(placed: Placed, names: set[str], host: HostIdentity) -> Iterator[Job]:
    known = names | called(host.hostname)
    for name, job in placed.jobs:
        # a VM that needs no host may still say which one it is for, but --host wins
        says = job.vm.host if placed.inputs.forced is None else None
        elsewhere = name is None and says is not None and says not in known
        if name in (None, *names) and not elsewhere:
            yield job
