"""Signals: one that asks kvmc to stop makes it go back first, and nothing stops it on that way."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_ASKING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def endable() -> Iterator[None]:
    """Let Ctrl-C end kvmc at once while libvirt is only asked.

    libvirt's own waiting, for a libvirtd that hangs or a host that is gone, never comes back to
    Python, whose handler would wait with it. Where somebody else handles Ctrl-C, as an apply
    does, that stays.
    """
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    try:
        yield
    finally:
        _restore(before)


@contextmanager
def stoppable() -> Iterator[None]:
    """Make SIGTERM and SIGHUP (the terminal is gone) what Ctrl-C is: KeyboardInterrupt.

    A signal that is ignored (nohup, a shell's background) stays so.
    """

    def stop(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    asking = dict.fromkeys(_ASKING, stop) | {signal.SIGINT: _interrupt}
    heard = [n for n in asking if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, asking[number]) for number in heard}
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


def _interrupt(_number: int, _frame: object) -> None:
    """Do what Ctrl-C does, as a handler of an apply's own."""
    raise KeyboardInterrupt


def _restore(before: dict[signal.Signals, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler if handler is not None else signal.SIG_DFL)
