"""The guests that `kvmc run` started: one folder each, with its QMP socket, log and orders.

Folders stand in $XDG_RUNTIME_DIR/kvmc, or in /run/kvmc where that variable is not set or, as the
XDG Base Directory Specification has it, not absolute; both are looked through for a name. Both are
in memory, so a reboot forgets them. A process is named by its pid and start time, so that a pid
used again is never taken for the guest.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kvmc.diagnostics import Diagnostic, Outcome, error
from kvmc.runtime.affinity import PROC
from kvmc.runtime.confine import release
from kvmc.runtime.orphan import end_orphan
from kvmc.runtime.proc import parse_stat
from kvmc.runtime.records import read
from kvmc.runtime.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.runtime.records import Guest

SYSTEM = Path("/run/kvmc")
_MAX_STEM = 64
_MAX_SOCKET = 107
"""Bytes of a Unix socket's path: sun_path of unix(7) has 108, the last of them 0."""


def _stem(name: str) -> str:
    """Return a guest's folder name: long names are cut, as a socket's path is short."""
    raw = name.encode()
    if len(raw) <= _MAX_STEM:
        return name
    digest = hashlib.sha256(raw).hexdigest()[:12]
    return f"{raw[: _MAX_STEM - len(digest) - 1].decode(errors='ignore')}-{digest}"


def folders() -> tuple[Path, ...]:
    """Return where guests are registered; new ones go to the first."""
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    return (*((Path(own) / "kvmc",) if own.startswith("/") else ()), SYSTEM)


def folder_for(name: str) -> Path:
    """Return where a guest that is to start is registered."""
    return folders()[0] / _stem(name)


@contextmanager
def place_for(name: str, folder: Path) -> Iterator[None]:
    """Make, empty and lock the folder of a guest that is to start.

    Raises Trouble: KV767 where such a guest runs or is being started, KV774 where the folder
    cannot be made or its path is too long for a socket.
    """
    if len(os.fsencode(folder / "qmp")) > _MAX_SOCKET:
        raise Trouble(_too_long(folder))
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = (folder / "lock").open("w", encoding="ascii")
    except OSError as reason:
        raise Trouble(_unusable(folder, reason)) from reason
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as held:
            raise Trouble(error("KV767", f"{name} is being started by another kvmc")) from held
        end_orphan(name, folder)
        running = find(name)
        if running.value is not None:
            hint = "stop it first, or give the new one another name"
            text = f"{name} runs already, as process {running.value.pid}"
            raise Trouble(error("KV767", text, hint=hint))
        if os.fstat(lock.fileno()).st_nlink == 0:
            raise Trouble(error("KV767", f"{name} was just ending; try again"))
        # A guest that ended unseen leaves its socket behind, and its cgroup.
        _clear(folder, "qmp", "guest.json", "qemu.log")
        yield


@contextmanager
def held(guest: Guest) -> Iterator[None]:
    """Keep other hotplugs of this guest away."""
    with (guest.folder / "lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def forget(folder: Path) -> None:
    """Remove the folder of a guest that ended."""
    shutil.rmtree(folder, ignore_errors=True)


def running() -> tuple[Guest, ...]:
    """Return the registered guests whose process is there, by name; the others are removed."""
    found: dict[str, Guest] = {}
    for parent in folders():
        for folder in _subfolders(parent):
            guest = read(folder)
            if guest is not None and is_there(guest):
                found.setdefault(guest.name, guest)
            elif guest is not None:
                _forget_stale(folder)
    return tuple(found[name] for name in sorted(found))


def find(name: str) -> Outcome[Guest]:
    """Return the running guest of that name; KV769 names those that run."""
    guests = {guest.name: guest for guest in running()}
    if name in guests:
        return Outcome(guests[name])
    known = f"running are: {', '.join(guests)}" if guests else "none is running"
    hint = f"{known}; libvirt's own guests are plugged with `virsh setvcpus`"
    ended = next((f for f in folders() if (f / _stem(name) / "qemu.log").is_file()), None)
    if ended:
        hint = f"it ended; what QEMU said is in {ended / _stem(name) / 'qemu.log'}"
    return Outcome(None, (error("KV769", f"no guest {name} of `kvmc run` is running", hint=hint),))


def is_there(guest: Guest) -> bool:
    """Whether the guest's QEMU still runs."""
    return start_time(guest.pid) == guest.started


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks after boot; None where it ended."""
    try:
        text = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    stat = parse_stat(text)
    return None if stat is None or stat.zombie else stat.started


def _forget_stale(folder: Path) -> None:
    """Unregister a guest that ended unseen, unless a kvmc is busy with it; its words are kept."""
    try:
        with (folder / "lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _clear(folder, "qmp", "guest.json")
    except OSError:
        return


def _clear(folder: Path, *files: str) -> None:
    """Remove files of a guest that ended, and its cgroup."""
    ended = read(folder)
    if ended is not None:
        release(ended.group)
    for file in files:
        (folder / file).unlink(missing_ok=True)


def _subfolders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir())
    except OSError:
        return []


def _too_long(folder: Path) -> Diagnostic:
    text = f"{folder / 'qmp'} is longer than the {_MAX_SOCKET} bytes that a socket's path may have"
    return error("KV774", text, hint="set XDG_RUNTIME_DIR to a shorter path")


def _unusable(folder: Path, reason: OSError) -> Diagnostic:
    text = f"cannot make {folder}: {(reason.strerror or str(reason)).lower()}"
    return error("KV774", text, hint="set XDG_RUNTIME_DIR to a folder of yours, or run as root")
