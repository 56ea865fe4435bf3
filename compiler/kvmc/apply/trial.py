"""The wait of `--try`: keep what was applied, or take it back.

Enter on the terminal or `kvmc apply --confirm` from another shell keeps it; the end of the time,
Ctrl-C or a lost terminal (SIGHUP) takes it back at once.
"""

from __future__ import annotations

import select
import time
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TICK_SECONDS = 0.2


class Verdict(StrEnum):
    """How a trial ended."""

    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    INTERRUPTED = "interrupted"


def wait(
    seconds: float, folder: Path, terminal: TextIO | None, tick: Callable[[int], None]
) -> Verdict:
    """Wait for the verdict; `tick` is told the whole seconds left, once each."""
    end = time.monotonic() + seconds
    told = None
    try:
        while (left := end - time.monotonic()) > 0:
            if _confirmed(folder) or _entered(terminal, min(left, _TICK_SECONDS)):
                return Verdict.CONFIRMED
            if told != int(left):
                told = int(left)
                tick(told)
    except KeyboardInterrupt:
        return Verdict.INTERRUPTED
    return Verdict.EXPIRED


def confirm(folder: Path) -> None:
    """Tell the trial that runs that it may stay. Raises OSError."""
    _path(folder).touch(mode=0o600)


def forget(folder: Path) -> None:
    """Take away an older confirmation, before a trial begins and after it ended."""
    _path(folder).unlink(missing_ok=True)


def _confirmed(folder: Path) -> bool:
    return _path(folder).exists()


def _entered(terminal: TextIO | None, seconds: float) -> bool:
    """Whether Enter was pressed within the time; a closed terminal confirms nothing."""
    if terminal is None:
        time.sleep(seconds)
        return False
    if not select.select([terminal], [], [], seconds)[0]:
        return False
    if terminal.readline():
        return True
    time.sleep(seconds)
    return False


def _path(folder: Path) -> Path:
    return folder / "confirm"
