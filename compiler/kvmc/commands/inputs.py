"""What several commands share: reading PATHs, hosts/ and --host into one repository."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from kvmc import files, intake
from kvmc.commands.result import Failure, Result
from kvmc.diagnostics import Diagnostic, Place, Severity, error, note

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping

    from kvmc import pipeline
    from kvmc.files import Text
    from kvmc.host.model import Host
    from kvmc.planner.held import Held
    from kvmc.spec.model import Vm


_NAMES = (
    ("host", "--host"),
    ("connect", "--connect"),
    ("output", "-o"),
    ("svg", "--svg"),
    ("html", "--html"),
    ("explain", "--explain"),
)
"""Options that name something, by their attribute."""


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
    _refuse_empty(options)
    found = files.read_inputs(options.paths)
    texts = list(found.value or ())
    diagnostics = list(found.diagnostics)
    paths = list(files.host_files((options.paths or ["."])[0]))
    host_file = _host_file(options.host)
    for path in paths + ([host_file] if host_file else []):
        text = files.read_text(path)
        diagnostics += text.diagnostics
        texts += [text.value] if text.value else []
    unique = files.unique(texts)
    checked = intake.check(unique)
    repository = checked.value or intake.Repository()
    if not repository.documents and not diagnostics and not checked.diagnostics:
        wanted = (options.paths or ["."])[0]
        diagnostics.append(error("KV191", "no kvmc document was found", Place(file=wanted)))
    locks, unread = _read_locks(repository)
    locked = intake.with_locks(repository, locks)
    repository = locked.value or repository
    return Inputs(
        texts=(*unique, *locks.values()),
        repository=repository,
        forced=_forced(options.host, host_file, repository.hosts),
        diagnostics=(*diagnostics, *checked.diagnostics, *unread, *locked.diagnostics),
    )


def _refuse_empty(options: argparse.Namespace) -> None:
    """Raise Failure(2) for an option that is empty: a script's variable that was never set."""
    if "" in (options.paths or ()):
        raise Failure(2, "a PATH is empty; leave it out, or write `.`")
    for name, flag in _NAMES:
        if getattr(options, name, None) == "":
            raise Failure(2, f"{flag} is empty")


def _read_locks(repository: intake.Repository) -> tuple[dict[str, Text], list[Diagnostic]]:
    """Return host name -> the lock beside its description, and why one that is there was not read.

    Only a lock that is missing is no lock: what one that cannot be read holds would be given away.
    """
    found: dict[str, Text] = {}
    unread: list[Diagnostic] = []
    for host in repository.hosts:
        path = lock_path(host)
        if path is not None and not _is_missing(path):
            text = files.read_text(path)
            unread += text.diagnostics
            if text.value is not None:
                found[host.name] = text.value
    return found, unread


def _is_missing(path: str) -> bool:
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except OSError:
        pass  # reading it will say what is wrong
    return False


def lock_path(host: Host) -> str | None:
    """Return where a host's lock is, `hosts/NAME.lock.yaml`; None for a host without a file."""
    if host.place is None or host.place.file == "<stdin>":
        return None
    return f"{os.path.splitext(host.place.file)[0]}.lock.yaml"


def whole(options: argparse.Namespace) -> bool:
    """Whether the PATHs are a whole repository: a folder that holds hosts/ is among them."""
    return any(os.path.isdir(os.path.join(path, "hosts")) for path in options.paths or ["."])


def _host_file(option: str | None) -> str | None:
    """Return the file that --host names: whatever has a separator or a YAML suffix."""
    if option is None or option == "local":
        return None
    is_file = "/" in option or option.endswith((".yaml", ".yml"))
    return files.tidy(option) if is_file else None


def _forced(option: str | None, host_file: str | None, hosts: Iterable[Host]) -> str | None:
    if host_file is None:
        return option
    names = {h.name: None for h in hosts if h.place and _same(h.place.file, host_file)}
    if len(names) > 1:
        raise Failure(2, f"--host {option} describes {' and '.join(names)}; give a file of one")
    return next(iter(names), option)


def _same(name: str, path: str) -> bool:
    return os.path.realpath(name) == os.path.realpath(path)


def plan(options: argparse.Namespace, inputs: Inputs) -> tuple[Inputs, pipeline.Planned]:
    """Plan what was read; this machine is probed where a VM needs a host and there is none."""
    from kvmc import pipeline
    from kvmc.commands.terminal import bar

    inputs = _with_this_machine(options, inputs)
    wishes = pipeline.Wishes(
        undeclared=_undeclared(options.connect, inputs),
        forced=inputs.forced,
        replan=options.replan,
        whole=whole(options),
    )
    with bar("planning", "hosts") as tell:
        planned = pipeline.plan(inputs.repository, wishes, tell)
    value = planned.value or pipeline.EMPTY
    found = [*inputs.diagnostics, *planned.diagnostics]
    if options.locked:
        found = [d for d in found if d.code != "KV527"] + list(_unlocked(value))
    return replace(inputs, diagnostics=tuple(found)), value


def _undeclared(uri: str | None, inputs: Inputs) -> dict[str, tuple[Held, ...]]:
    """Return the host that a connection is for, and its domains that no spec declares."""
    if uri is None or not inputs.repository.hosts:
        return {}  # nothing is placed, so that nothing can be in the way
    from kvmc.apply.observe import occupied
    from kvmc.commands.looking import look
    from kvmc.planner.held import undeclared

    seen = look(uri)
    hosts = {host.name for host in inputs.repository.hosts}
    called = {seen.host.hostname, seen.host.hostname.partition(".")[0]}
    mine = {inputs.forced} & hosts or hosts & called or (hosts if len(hosts) == 1 else set())
    if len(mine) != 1:
        raise Failure(
            2,
            f"{uri} calls itself {seen.host.hostname}, and the hosts known are "
            f"{', '.join(sorted(hosts)) or 'none'}; say which with --host",
        )
    declared = {vm.name for vm in inputs.repository.vms}
    lines = tuple(undeclared(*domain) for domain in occupied(seen, declared))
    return dict.fromkeys(filter(None, mine), lines)


def _unlocked(planned: pipeline.Planned) -> Iterator[Diagnostic]:
    """Yield an error for each host whose lock would change (--locked)."""
    for host, (lock, changes) in planned.locks.items():
        if changes:
            message = f"the lock of {host} would change: {changes.words()}"
            yield error("KV525", message, lock.place, hint="run `kvmc lock` and commit the file")


def write_locks(
    inputs: Inputs, planned: pipeline.Planned, *, locked: bool = False
) -> tuple[str, tuple[Diagnostic, ...]]:
    """Write the lock of every planned host; return what was done, and what could not be.

    `locked` (--locked) writes none: one that would change has failed before.
    """
    from kvmc.planner.locking.lock import dump_lock
    from kvmc.report.style import printable
    from kvmc.writing import write_atomically

    said = ""
    for host in inputs.repository.hosts:
        path = lock_path(host)
        if path is None or locked or host.name not in planned.locks:
            continue
        try:
            changed = write_atomically(path, dump_lock(planned.locks[host.name][0]))
        except OSError as reason:
            text = (reason.strerror or "cannot be written").lower()
            return said, (error("KV192", text, Place(file=path)),)
        said += f"{'wrote' if changed else 'unchanged'} {printable(path)}\n"
    return said, ()


def _with_this_machine(options: argparse.Namespace, inputs: Inputs) -> Inputs:
    from kvmc.homes import homeless

    asked = options.host == "local"
    repository = inputs.repository
    if not asked and not homeless(repository.vms, repository.hosts, inputs.forced):
        return inputs
    from pathlib import Path

    from kvmc.host.probe import local_name, probe_sysfs

    probed = probe_sysfs(Path("/"), local_name())
    if probed.value is None:
        return replace(inputs, diagnostics=(*inputs.diagnostics, *probed.diagnostics))
    host = probed.value
    said = (
        ()
        if asked
        else (
            note(
                "KV463",
                f"there is no hosts/ folder; planning for this machine, {host.name}, as it is now",
            ),
        )
    )
    return replace(
        inputs,
        repository=replace(repository, hosts=(*repository.hosts, host)),
        forced=host.name if asked else inputs.forced,
        diagnostics=(*inputs.diagnostics, *probed.diagnostics, *said),
    )


def read_bases(
    planned: pipeline.Planned,
) -> tuple[Mapping[tuple[str, str], bytes], tuple[Diagnostic, ...]]:
    """Read the base documents that the VMs name; what is wrong is said at the spec's `base:`."""
    bases: dict[tuple[str, str], bytes] = {}
    missing: list[Diagnostic] = []
    built: list[tuple[str | None, Vm, bytes]] = []
    for (host, _), vm in planned.vms.items():
        base = vm.machine.base
        if base is None:
            continue
        read = files.read_base(vm.place.file, base)
        if read.value is None:
            reason = read.diagnostics[0].message
            missing.append(error("KV190", f"base {base}: {reason}", vm.place.at("base")))
        else:
            bases[vm.place.file, base] = read.value
            built.append((host, vm, read.value))
    if built:
        from kvmc.render.identity import shared_uuids

        missing += shared_uuids(built)
    return bases, tuple(missing)


def stops(diagnostics: Iterable[Diagnostic], options: argparse.Namespace) -> bool:
    """Whether a command ends before its work: an error, or with --strict a warning."""
    return any(
        d.is_error or (options.strict and d.severity is Severity.WARNING) for d in diagnostics
    )
