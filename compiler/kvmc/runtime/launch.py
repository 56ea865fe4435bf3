"""Starting a guest: QEMU paused, its threads pinned and checked, and only then its vCPUs run.

spawn -S --> QMP answers --> confine --> pin_all --> register --> cont
   any failure, or Ctrl-C: QEMU is ended, the folder and the cgroup removed
"""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.diagnostics import Diagnostic, Severity
from kvmc.runtime import guests, process
from kvmc.runtime.confine import confine, release, sweep
from kvmc.runtime.pinning import pin_all
from kvmc.runtime.qmp_driver import Monitor
from kvmc.runtime.records import Guest, register
from kvmc.runtime.trouble import Trouble

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import FrameType

    from kvmc.runtime.orders import Orders

_POLL_SECONDS = 0.02
_LAST_WORDS_SECONDS = 2.0
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end QEMU, and so a kvmc that waits for it."""


class Started(Struct, frozen=True, kw_only=True):
    """A guest that runs."""

    guest: Guest
    process: subprocess.Popen[bytes]
    said: tuple[Diagnostic, ...]
    """Warnings: KV764, KV766."""


def start(
    orders: Orders, command: Sequence[str], folder: Path, *, strict: bool, seconds: float
) -> Started:
    """Start, pin, check and let run; `folder` is the guest's and empty.

    `strict`: a warning counts as a failure. `seconds`: how long QEMU may take until it answers.
    Raises Trouble, or KeyboardInterrupt when a signal says so; then nothing is left running.
    """
    log = folder / "qemu.log"
    with _interruptible() as interrupts:
        qemu = None
        try:
            with interrupts.postponed():
                qemu = process.spawn(orders.name, command, log)
            monitor = _connect(orders.name, qemu, folder, seconds)
            return _bring_up(orders, qemu, folder, monitor, strict=strict)
        except BaseException:
            if qemu is not None:
                process.end(qemu)
            if orders.limits.asked:
                sweep()
            guests.forget(folder)
            raise


def _bring_up(
    orders: Orders,
    qemu: subprocess.Popen[bytes],
    folder: Path,
    monitor: Monitor,
    *,
    strict: bool,
) -> Started:
    try:
        with monitor:
            group, said = confine(monitor, orders, qemu.pid, folder.name)
            said += pin_all(monitor, orders, qemu.pid)
            if strict and any(d.severity is Severity.WARNING for d in said):
                raise Trouble(*said)  # noqa: TRY301 - ends the session on its way out
            guest = Guest(
                pid=qemu.pid,
                started=guests.start_time(qemu.pid) or 0,
                folder=folder,
                orders=orders,
                group=group,
            )
            register(guest)
            monitor.ask("cont")
    except Trouble as trouble:
        # Where QEMU died, its own words say more than those of the one who asked it.
        if any(d.code == "KV762" for d in trouble.diagnostics) and _dies(qemu):
            raise Trouble(_death(orders.name, qemu, folder)) from trouble
        raise
    return Started(guest=guest, process=qemu, said=said)


def _connect(name: str, qemu: subprocess.Popen[bytes], folder: Path, seconds: float) -> Monitor:
    """Return a session once QEMU answers: it listens first and allocates its memory then."""
    end = time.monotonic() + seconds
    while qemu.poll() is None:
        if (folder / "qmp").exists():
            try:
                return Monitor(name, folder / "qmp", seconds=max(1, end - time.monotonic()))
            except Trouble as trouble:
                # bind comes before listen: a refusal in between is no answer
                late = time.monotonic() > end
                if late or any(d.code != "KV762" for d in trouble.diagnostics):
                    raise
        time.sleep(_POLL_SECONDS)
    raise Trouble(_death(name, qemu, folder))


def _dies(qemu: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + _LAST_WORDS_SECONDS
    while qemu.poll() is None and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
    return qemu.poll() is not None


def _death(name: str, qemu: subprocess.Popen[bytes], folder: Path) -> Diagnostic:
    return process.died(name, qemu.wait(), folder / "qemu.log")


class _Interrupts:
    """A handler of signals that raises KeyboardInterrupt, at once or when it may."""

    def __init__(self) -> None:
        self._postponing = self._pending = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if not self._postponing:
            raise KeyboardInterrupt
        self._pending = True

    @contextmanager
    def postponed(self) -> Iterator[None]:
        """Raise after this block: a process that Popen has started and not returned is lost."""
        self._postponing = True
        try:
            yield
        finally:
            self._postponing = False
        if self._pending:
            raise KeyboardInterrupt


@contextmanager
def _interruptible() -> Iterator[_Interrupts]:
    """Make SIGTERM and SIGHUP end the start as Ctrl-C does, so that QEMU is not left behind."""
    interrupts = _Interrupts()
    before = {number: signal.signal(number, interrupts) for number in _heard()}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def forward_signals(started: Started) -> None:
    """Pass SIGINT, SIGTERM and SIGHUP on to QEMU, which ends on each of them, from now on.

    A signal that is ignored (nohup, a shell's background) ends neither.
    """

    def forward(number: int, _frame: FrameType | None) -> None:
        started.process.send_signal(number)

    for number in _heard():
        signal.signal(number, forward)


def _heard() -> tuple[signal.Signals, ...]:
    return tuple(n for n in STOPPING if signal.getsignal(n) is not signal.SIG_IGN)


def wait(started: Started) -> tuple[int, str]:
    """Wait for QEMU to end, and forget the guest; return its status and what it printed.

    The status is as subprocess has it: negative for a signal.
    """
    status = started.process.wait()
    words = process.words(started.guest.log)
    release(started.guest.group)
    guests.forget(started.guest.folder)
    return status, words
