"""What several commands share: reading PATHs, hosts/ and --host into one repository."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from kvmc import files, intake
from kvmc.commands import hosts, locks
from kvmc.commands.result import Result
from kvmc.diagnostics import Diagnostic, Place, Severity, error, note

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from kvmc import pipeline
    from kvmc.files import Text
    from kvmc.planner.held import Held


class Inputs(Struct, frozen=True, kw_only=True):
    """Everything read for a run, and the diagnostics so far."""

    texts: tuple[Text, ...]
    repository: intake.Repository
    forced: str | None
    """The name of the host that --host stands for."""
    diagnostics: tuple[Diagnostic, ...]

    @property
    def failed(self) -> bool:
        """Whether planning would work on incomplete input."""
        return any(d.is_error for d in self.diagnostics)

    def result(self, extra: Iterable[Diagnostic] = (), **more: Any) -> Result:  # noqa: ANN401 (Result's fields)
        """Return a Result with all diagnostics located in the texts read."""
        from kvmc.source.document import text_lines

        found = intake.report((*self.diagnostics, *extra), self.repository)
        named = {d.place.file for d in found if d.place}
        lines = {t.name: text_lines(t.content) for t in self.texts if t.name in named}
        return Result(diagnostics=found, lines=lines, **more)


def read(options: argparse.Namespace) -> Inputs:
    """Read and check PATHs, the nearest hosts/ and --host; nothing is planned yet."""
    found = files.read_inputs(options.paths)
    texts = list(found.value or ())
    diagnostics = list(found.diagnostics)
    paths = list(files.host_files((options.paths or ["."])[0]))
    host_file = hosts.file_of(options.host)
    for path in paths + ([host_file] if host_file else []):
        text = files.read_text(path)
        diagnostics += text.diagnostics
        texts += [text.value] if text.value else []
    unique = files.unique(texts)
    chosen = hosts.text_of(host_file, unique)
    checked = intake.check(unique, chosen and chosen.name)
    repository = checked.value or intake.Repository()
    diagnostics += checked.diagnostics
    if not repository.documents and not diagnostics:
        wanted = (options.paths or ["."])[0]
        diagnostics.append(error("KV191", "no kvmc document was found", Place(file=wanted)))
    if chosen is not None:
        diagnostics += hosts.no_host_in(chosen)
    beside, unread = locks.read_locks(repository)
    locked = intake.with_locks(repository, beside, anew=options.replan and whole(options))
    repository = locked.value or repository
    return Inputs(
        texts=(*unique, *beside.values()),
        repository=repository,
        forced=hosts.named_by(options.host, chosen, repository.hosts),
        diagnostics=(*diagnostics, *unread, *locked.diagnostics),
    )


def whole(options: argparse.Namespace) -> bool:
    """Whether the PATHs are a whole repository: a folder that holds hosts/ is among them."""
    return any(os.path.isdir(os.path.join(path, "hosts")) for path in options.paths or ["."])


def plan(
    options: argparse.Namespace, inputs: Inputs, uri: str | None = None
) -> tuple[Inputs, pipeline.Planned]:
    """Plan what was read; this machine is probed where a VM needs a host and there is none.

    What domains of the connection hold that no spec declares is not given away: of `uri`, or of
    the one that the options name.
    """
    from kvmc import pipeline
    from kvmc.commands.terminal import bar

    inputs = _with_this_machine(options, inputs)
    wishes = pipeline.Wishes(
        undeclared=_undeclared(uri or options.connect, inputs),
        forced=inputs.forced,
        replan=options.replan,
        whole=whole(options),
    )
    with bar("planning", "hosts") as tell:
        planned = pipeline.plan(inputs.repository, wishes, tell)
    value = planned.value or pipeline.EMPTY
    found = [*inputs.diagnostics, *planned.diagnostics]
    if options.locked:
        found = without_locking(found) + list(locks.unlocked(inputs.repository, value))
    elif all(d.code != "KV463" for d in found):
        found += [
            replace(d, severity=Severity.NOTE) for d in locks.unkept(inputs.repository, value)
        ]
    return replace(inputs, diagnostics=tuple(found)), value


def without_locking(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the diagnostics without the notes on what `kvmc lock` would write."""
    return [d for d in diagnostics if d.code not in ("KV527", "KV529", "KV530")]


def _undeclared(uri: str | None, inputs: Inputs) -> dict[str, tuple[Held, ...]]:
    """Return the host that a connection is for, and its domains that no spec declares."""
    if uri is None or not inputs.repository.hosts:
        return {}  # nothing is placed, so that nothing can be in the way
    from kvmc.apply.observe import occupied
    from kvmc.commands.looking import look
    from kvmc.planner.held import undeclared

    seen = look(uri)
    known = {host.name for host in inputs.repository.hosts}
    asked = {vm.host for vm in inputs.repository.vms} & known or known
    mine = {inputs.forced} & known or known & hosts.called(seen.host.hostname) or asked
    if len(mine) != 1:
        words = f"the hosts known are {', '.join(sorted(known))}"
        raise hosts.unnamed(uri, seen.host.hostname, words)
    declared = {vm.name for vm in inputs.repository.vms}
    lines = tuple(undeclared(*domain) for domain in occupied(seen, declared))
    return dict.fromkeys(filter(None, mine), lines)


def _with_this_machine(options: argparse.Namespace, inputs: Inputs) -> Inputs:
    from kvmc.homes import homeless

    asked = options.host == hosts.LOCAL
    repository = inputs.repository
    if not asked and not homeless(repository.vms, repository.hosts, inputs.forced):
        return inputs
    probed = hosts.this_machine(repository.hosts)
    host = probed.value
    found = (*inputs.diagnostics, *probed.diagnostics)
    if host is None:
        return replace(inputs, diagnostics=found)
    if not asked:
        text = f"no host is described; planning for this machine, {host.name}, as it is now"
        found += (note("KV463", text),)
    others = [other for other in repository.hosts if other.name != host.name]
    return replace(
        inputs,
        repository=replace(repository, hosts=(*others, host)),
        forced=host.name if asked else inputs.forced,
        diagnostics=found,
    )


def stops(diagnostics: Iterable[Diagnostic], options: argparse.Namespace) -> bool:
    """Whether a command ends before its work: an error, or with --strict a warning."""
    return any(
        d.is_error or (options.strict and d.severity is Severity.WARNING) for d in diagnostics
    )
