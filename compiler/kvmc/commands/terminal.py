"""What apply says while it works: a question, progress, a countdown."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmc.apply.execute import Tell


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
