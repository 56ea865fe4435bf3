"""The journal of an apply: what every domain was, written and synced before the first change.

    header   one line of JSON: who, where, and every Work with the old definition and live values
    records  one line of JSON each, appended and synced after a step

A journal that is still called journal.jsonl belongs to an apply that is running or was killed. Its
last line may be torn; every other line is whole, because each is synced before the next step.
The records that decide what the next apply does:

    defined   a domain has its new definition, with the digest of what libvirt made of it
    commit    every domain has; from here on the way is forward
    back      on the way back
    kept      the trial was confirmed

A trial that nobody confirmed always goes back.

The file holds passwords (libvirt's XML does): mode 0600 in a folder of mode 0700.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from kvmc.apply.steps import Work

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmc.apply.model import HostIdentity

VERSION = 1
KEPT = 20
"""How many finished journals stay, for whoever wants an old definition back by hand."""

Fate = Literal["back", "forward"]


def state_folder() -> Path:
    """Return where kvmc keeps its state: XDG_STATE_HOME, /var/lib/kvmc for root, else ~/.local."""
    given = os.environ.get("XDG_STATE_HOME", "")
    if given.startswith("/"):
        return Path(given) / "kvmc"
    return Path("/var/lib/kvmc") if os.geteuid() == 0 else Path.home() / ".local/state/kvmc"


def host_folder(host: HostIdentity) -> Path:
    """Return the folder of a host: the same for every URI that leads to the same libvirtd."""
    path = urlsplit(host.uri).path
    name = f"{host.hostname}-{host.driver}{path}".lower()
    return state_folder() / "hosts" / re.sub(r"[^a-z0-9.-]", "-", name)


class Unfinished(Struct, frozen=True, kw_only=True):
    """A journal read back: what an apply wanted, and how far it got."""

    uri: str
    pid: int
    works: tuple[Work, ...]
    defined: dict[str, str] = {}
    """Name -> digest of the definition that libvirt made of the new one."""
    fate: Fate = "back"
    """What the next apply does with it."""
    committed: bool = False
    """Whether live steps may have been done."""
    trial: bool = False


class CorruptError(Exception):
    """The journal cannot be read; str() says why."""


class Journal:
    """An open journal; every write is on the disk when it returns. Raises OSError."""

    def __init__(self, folder: Path, handle: int) -> None:
        self._folder = folder
        self._handle = handle

    @classmethod
    def begin(
        cls, folder: Path, uri: str, works: Iterable[Work], *, trial: bool = False
    ) -> Journal:
        """Write the header; the journal exists whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        header = {
            "kvmc": VERSION,
            "uri": uri,
            "pid": os.getpid(),
            "trial": trial,
            "works": [work.to_json() for work in works],
        }
        fresh = folder / "journal.new"
        fresh.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        handle = os.open(fresh, flags, 0o600)
        try:
            _append(handle, header)
            fresh.rename(journal_file(folder))
            _sync_folder(folder)
        except BaseException:
            os.close(handle)
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise
        return cls(folder, handle)

    @classmethod
    def resume(cls, folder: Path) -> Journal:
        """Open the unfinished journal to add to it; a torn last line is cut off first."""
        path = journal_file(folder)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        os.ftruncate(handle, path.read_bytes().rfind(b"\n") + 1)
        return cls(folder, handle)

    def record(self, **what: str | bool) -> None:
        """Append one record; where the disk is full no half of it stays behind."""
        size = os.fstat(self._handle).st_size
        try:
            _append(self._handle, what)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._handle, size)
            raise

    def close(self) -> None:
        """Leave the journal for the next apply."""
        os.close(self._handle)

    def finish(self) -> None:
        """Close the journal: it becomes a backup, and the oldest backup goes."""
        os.close(self._handle)
        finished = sorted(self._folder.glob("done-*.jsonl"))
        last = int(finished[-1].stem.partition("-")[2]) if finished else 0
        journal_file(self._folder).rename(self._folder / f"done-{last + 1:06d}.jsonl")
        _sync_folder(self._folder)
        for old in finished[: max(0, len(finished) + 1 - KEPT)]:
            old.unlink(missing_ok=True)


def read(folder: Path) -> Unfinished | None:
    """Return the journal that no apply has finished; None where there is none.

    Raises CorruptError, and OSError where it cannot be read.
    """
    try:
        data = journal_file(folder).read_bytes()
    except FileNotFoundError:
        return None
    return parse(data)


def parse(data: bytes) -> Unfinished:
    """Read a journal's bytes; raises CorruptError."""
    lines = data.split(b"\n")[:-1]
    try:
        header, *records = (json.loads(line) for line in lines)
        if header["kvmc"] != VERSION:
            raise CorruptError(f"it has version {header['kvmc']}, and this kvmc knows {VERSION}")
        works = tuple(Work.of_json(work) for work in header["works"])
        said = {key for record in records for key in record}
        defined = {r["defined"]: r["digest"] for r in records if "defined" in r}
        trial = header["trial"] is True and "kept" not in said
        forward = "commit" in said and "back" not in said and not trial
        return Unfinished(
            uri=header["uri"],
            pid=header["pid"],
            works=works,
            defined=defined,
            fate="forward" if forward else "back",
            committed="commit" in said,
            trial=trial,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as bad:
        raise CorruptError(f"it is no journal of kvmc: {bad}") from bad


def journal_file(folder: Path) -> Path:
    """Return the path of the unfinished journal, whether or not there is one."""
    return folder / "journal.jsonl"


def _append(handle: int, what: dict[str, Any]) -> None:
    data = json.dumps(what).encode() + b"\n"
    while data:
        data = data[os.write(handle, data) :]
    os.fsync(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
