"""Signals: one that asks kvmc to stop makes it go back first, and nothing stops it on that way."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_ASKING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stoppable() -> Iterator[None]:
    """Make SIGTERM and SIGHUP (the terminal is gone) what Ctrl-C is: KeyboardInterrupt."""

    def stop(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.signal(number, stop) for number in _ASKING}
    try:
        yield
    finally:
        _restore(before)


@contextmanager
def unstoppable() -> Iterator[None]:
    """Ignore them, and Ctrl-C, while the old state is put back."""
    before = {n: signal.signal(n, signal.SIG_IGN) for n in (*_ASKING, signal.SIGINT)}
    try:
        yield
    finally:
        _restore(before)


def _restore(before: dict[signal.Signals, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler if handler is not None else signal.SIG_DFL)
