"""What is said to a terminal while work goes on: a question, progress, a countdown, a bar."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvmc.apply.execute import Tell

_PATIENCE = 1.0
"""Seconds of work without a bar: one that only flashes tells nobody anything."""
_PAUSE = 0.1
"""Seconds between two drawings of it."""
_WIDTH = 30


def say(text: str) -> None:
    """Say it at once, to stderr; a terminal that is gone must not stop anything."""
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def agreed(question: str) -> bool:
    """Ask; anything but y or yes is no."""
    say(f"{question} [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def progress(total: int) -> Tell:
    """Return who tells a terminal about every step, with the domain's number among all."""
    seen: dict[str, int] = {}

    def tell(name: str, what: str) -> None:
        number = seen.setdefault(name, len(seen) + 1)
        if sys.stderr.isatty():
            say(f"[{number}/{max(total, number)}] {name}: {what}\n")

    return tell


def countdown(seconds: int) -> None:
    """Show a terminal the whole seconds that are left."""
    if sys.stderr.isatty():
        say(f"\r{seconds + 1:4} s left ")


@contextmanager
def bar(doing: str, what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield who hears how many are done, of how many, and shows a terminal a bar of it.

    It comes after a second of work, and is taken away at the end, however that comes.
    """
    start, drawn = time.monotonic(), 0.0

    def tell(done: int, total: int) -> None:
        nonlocal drawn
        now = time.monotonic()
        if now - start > _PATIENCE and now - drawn > _PAUSE:
            drawn = now
            full = "#" * (_WIDTH * done // total)
            say(f"\r{doing} [{full:{_WIDTH}}] {done} of {total} {what} ")

    capable = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    try:
        yield tell if capable else _nobody
    finally:
        if drawn:
            say("\r\x1b[K")  # erases the line


def _nobody(_done: int, _total: int) -> None:
    """Tell nobody."""
