"""`kvmc build`: the artefacts, to stdout for one VM or into a folder."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc import files, pipeline
from kvmc.commands import inputs, locks
from kvmc.commands.bases import read_bases
from kvmc.commands.result import Failure
from kvmc.commands.saving import save
from kvmc.diagnostics import Diagnostic, Place, error, warning

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from kvmc.commands.inputs import Inputs
    from kvmc.commands.result import Result, View
    from kvmc.render.model import Artifact


def run(options: argparse.Namespace, _view: View) -> Result:
    """Plan and render; nothing is printed or written unless everything was rendered."""
    read = inputs.read(options)
    if not read.failed:
        read, planned = inputs.plan(options, read)
    if inputs.stops(read.diagnostics, options):
        return read.result(document=_document(()))
    if not planned.vms:
        wanted = (options.paths or ["."])[0]
        missing_vm = error("KV191", "there is no VM to build", Place(file=wanted))
        return read.result((missing_vm,), document=_document(()))
    one = len(planned.vms) == 1
    if options.output is None and options.format == "text" and not one:
        raise Failure(
            2,
            f"there are {len(planned.vms)} VMs to build; name the file of one, "
            "or say where to write with -o DIR",
        )
    bases, missing = read_bases(planned)
    read = replace(read, diagnostics=(*read.diagnostics, *missing))
    if missing:
        return read.result(document=_document(()))
    built = pipeline.build(planned, bases, options.target)
    read = replace(read, diagnostics=(*read.diagnostics, *built.diagnostics))
    if inputs.stops(read.diagnostics, options):
        return read.result(document=_document(()))
    artifacts = built.value or ()
    if options.output is not None:
        said, failed = _write(files.tidy(options.output), artifacts)
        if not failed:  # a lock that nothing was built from would be half of the work
            locked, failed = locks.write_locks(read.repository, planned, locked=options.locked)
            said += locked
        if not failed and inputs.whole(options):
            failed = tuple(_left_over(files.tidy(options.output), artifacts, _meant(read)))
        read = replace(read, diagnostics=tuple(d for d in read.diagnostics if d.code != "KV527"))
        return read.result(failed, document=_document(artifacts), said=said)
    text = "".join(artifact.text for artifact in artifacts)
    return read.result(document=_document(artifacts), output=text)


def _document(artifacts: Iterable[Artifact]) -> dict[str, object]:
    rendered = [
        {"name": a.name, "text": a.text} | ({"argv": list(a.argv)} if a.argv else {})
        for a in artifacts
    ]
    return {"kvmc": "v1", "kind": "build", "artifacts": rendered}


def _write(folder: str, artifacts: Iterable[Artifact]) -> tuple[str, tuple[Diagnostic, ...]]:
    """Write every artefact; return what was done, in words, and what could not be."""
    said = ""
    within = cache(lambda parent: _within(parent, folder))
    for artifact in artifacts:
        target = os.path.join(folder, artifact.name)
        if not within(os.path.dirname(target)):
            text = f"a link there leads out of {folder}, where nothing is written"
            return said, (error("KV192", text, Place(file=target)),)
        done = save(target, artifact.text, durable=False)
        if done.value is None:
            return said, done.diagnostics
        said += done.value
    return said, ()


def _meant(read: Inputs) -> list[str]:
    """Return the hosts that are built for: all, or the one of --host."""
    return sorted(h.name for h in read.repository.hosts if read.forced in (None, h.name))


def _left_over(
    folder: str, artifacts: Iterable[Artifact], hosts: Iterable[str]
) -> Iterator[Diagnostic]:
    """KV193: artefacts of VMs that a host has no more, beside those that were written."""
    written = {artifact.name for artifact in artifacts}
    endings = tuple({os.path.splitext(name)[1] for name in written})
    for host in hosts:
        with suppress(OSError):
            for name in sorted(os.listdir(os.path.join(folder, host))):
                if name.endswith(endings) and f"{host}/{name}" not in written:
                    yield warning(
                        "KV193",
                        f"this is of an earlier build: no such VM is planned on {host}",
                        Place(file=os.path.join(folder, host, name)),
                        hint="remove it; others may have its CPUs by now",
                    )


def _within(inner: str, folder: str) -> bool:
    """Whether a folder, or what it is a link to, lies below another one or is the same."""
    top, real = os.path.realpath(folder), os.path.realpath(inner)
    return real == top or os.path.commonpath((top, real)) == top
