"""One apply on one host at a time: flock(2) on a file in the state directory.

The kernel gives the lock back when its holder dies, however it dies, so no lock is ever left over.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PAUSE_SECONDS = 0.1
_MAX_HOLDER = 400


class BusyError(Exception):
    """Someone else has the lock; str() says who, in words."""


class HostLock:
    """A held lock; `release`, or the end of the process, gives it back."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def tell(self, text: str) -> None:
        """Leave a word for whoever waits: what holds the lock. A full disk is no reason to stop."""
        try:
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, text.encode()[:_MAX_HOLDER], 0)
        except OSError:
            return

    def release(self) -> None:
        """Give the lock back."""
        os.close(self._handle)


def acquire(path: Path, seconds: float, waiting: Callable[[str], None]) -> HostLock:
    """Return the lock, waiting up to so many seconds for it; `waiting` is told once for whom.

    Raises BusyError when the time is over, OSError where the file cannot be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        end = time.monotonic() + seconds
        told = False
        while not _locked(handle):
            if time.monotonic() >= end:
                raise BusyError(_holder(handle))  # noqa: TRY301 (the handle is closed below)
            if not told:
                waiting(_holder(handle))
                told = True
            time.sleep(_PAUSE_SECONDS)
    except BaseException:
        os.close(handle)
        raise
    lock = HostLock(handle)
    lock.tell(f"kvmc apply, process {os.getpid()}")
    return lock


def is_held(path: Path) -> str | None:
    """Return who holds the lock; None where nobody does. Takes it for a moment."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        return None if _locked(handle) else _holder(handle)
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as reason:
        if reason.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def _holder(handle: int) -> str:
    text = os.pread(handle, _MAX_HOLDER, 0).decode("utf-8", "replace")
    return "".join(c for c in text if c.isprintable()) or "another kvmc apply"
