"""The locks beside the descriptions: finding, reading and writing them, and what --locked says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kvmc import files, intake
from kvmc.diagnostics import Diagnostic, Place, error
from kvmc.report.style import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.files import Text
    from kvmc.host.model import Host
    from kvmc.pipeline import Planned


def lock_path(host: Host) -> str | None:
    """Return where a host's lock is: NAME.lock.yaml beside its file; None for one without a file.

    The name is the host's and not the file's, which may describe several.
    """
    if host.place is None or host.place.file == "<stdin>":
        return None
    return os.path.join(os.path.dirname(host.place.file), f"{host.name}.lock.yaml")


def read_locks(repository: intake.Repository) -> tuple[dict[str, Text], list[Diagnostic]]:
    """Return host name -> the lock beside its description, and why one that is there was not read.

    Only a lock that is missing is no lock: what one that cannot be read holds would be given away.
    """
    found: dict[str, Text] = {}
    unread: list[Diagnostic] = []
    names = {host.name for host in repository.hosts}
    for host in repository.hosts:
        path, former = lock_path(host), False
        if path is not None and _is_missing(path):
            path, former = _former_path(host), True
        if path is None:
            continue
        text = files.read_text(path)
        unread += text.diagnostics
        if text.value is None:
            continue
        # Under its former name it may be the lock of another host in the same file.
        named = intake.locked_host(text.value) if former else host.name
        if named == host.name or named not in names:
            found[host.name] = text.value
    return found, unread


def _former_path(host: Host) -> str | None:
    """Return the lock named after the host's file, as locks once were; None where there is none."""
    file = host.place.file if host.place else ""
    path = f"{os.path.splitext(file)[0]}.lock.yaml"
    return None if _is_missing(path) else path


def _is_missing(path: str) -> bool:
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except OSError:
        pass  # reading it will say what is wrong
    return False


def write_locks(
    repository: intake.Repository, planned: Planned, *, locked: bool = False
) -> tuple[str, tuple[Diagnostic, ...]]:
    """Write the lock of every planned host; return what was done, and what could not be.

    `locked` (--locked) writes none: one that would change has failed before.
    """
    from kvmc.commands.saving import save
    from kvmc.planner.locking.lock import dump_lock

    said = ""
    for host in repository.hosts:
        path = lock_path(host)
        if path is None or locked or host.name not in planned.locks:
            continue
        done = save(path, dump_lock(planned.locks[host.name][0]), follow=True)
        if done.value is None:
            return said, done.diagnostics
        said += done.value
        removed, failed = _without_former(host, repository)
        said += removed
        if failed:
            return said, failed
    return said, ()


def _without_former(
    host: Host, repository: intake.Repository
) -> tuple[str, tuple[Diagnostic, ...]]:
    """Remove the lock that was read under its former name, now that it has the host's.

    One that could not be read stays: what it held may have been another host's.
    """
    from kvmc.commands.saving import why

    lock = repository.locks.get(host.name)
    former = lock.place.file if lock and lock.place and lock.fingerprint else None
    if lock is None or former is None or former == lock_path(host) or lock.host != host.name:
        return "", ()
    if former in map(lock_path, repository.hosts):
        return "", ()
    try:
        os.unlink(former)
    except OSError as reason:
        return "", (error("KV192", why(reason), Place(file=former)),)
    return f"removed {printable(former)}, whose place it takes\n", ()


def unlocked(repository: intake.Repository, planned: Planned) -> Iterator[Diagnostic]:
    """Yield an error for each host whose lock would change (--locked)."""
    without = {host.name for host in repository.hosts if lock_path(host) is None}
    for host, (lock, changes) in planned.locks.items():
        if changes and host not in without:
            message = f"the lock of {host} would change: {changes.words()}"
            yield error("KV525", message, lock.place, hint="run `kvmc lock` and commit the file")
    yield from unkept(repository, planned)


def unkept(repository: intake.Repository, planned: Planned) -> Iterator[Diagnostic]:
    """KV530: a placement on a host that has no file, beside which its lock could be."""
    for host in repository.hosts:
        if lock_path(host) is None and host.name in planned.locks and planned.locks[host.name][1]:
            message = f"no lock can hold the placement on {host.name}: no file describes that host"
            yield error("KV530", message, host.place, hint=f"{_described(host)}, then `kvmc lock`")


def _described(host: Host) -> str:
    """Return how a host gets a file: one that came through a pipe, or that was probed."""
    import shlex

    file = f"hosts/{host.name}.yaml"
    if host.place is not None:
        return f"write its description to {file}"
    return f"`{shlex.join(['kvmc', 'host', 'probe', '-o', file])}`"
