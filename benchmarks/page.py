"""Markdown: the page, its tables, and numbers for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WHY = """\
What is missed, and the profile's reason: the modules that take most of its CPU time under cProfile,
and how many calls of functions a VM costs."""

DOT = "\u00a0·\u00a0"
"""Between the numbers of one cell, which no browser breaks there."""


class Target(Struct, frozen=True, kw_only=True):
    """What an issue asks for, what was measured, and why it is missed."""

    what: str
    wanted: str
    measured: str
    met: bool
    reason: str = ""
    """In words, from a profile; only read where it is missed."""


class Section(Struct, frozen=True, kw_only=True):
    """A heading, what was measured in words, tables, and the targets that it answers."""

    title: str
    words: str
    tables: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()

    def text(self) -> str:
        """Return the section as Markdown."""
        return "\n\n".join([f"## {self.title}", self.words, *self.tables]) + "\n"


def summary(sections: Sequence[Section]) -> str:
    """Return every target, met or missed, and below the reasons of those missed."""
    targets = [target for section in sections for target in section.targets]
    rows = [[t.what, t.wanted, t.measured, "met" if t.met else "**missed**"] for t in targets]
    parts = ["## Targets", table(("target", "wanted", "measured", ""), rows, left=3)]
    missed = [f"- {t.what}: {t.reason or t.measured}" for t in targets if not t.met]
    if missed:
        parts += [WHY, "\n".join(missed)]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Return a Markdown table; the first columns are words, the others numbers on the right."""
    marks = ["---"] * left + ["--:"] * (len(head) - left)
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, marks, *rows])


def number(value: float, digits: int = 0) -> str:
    """Return a number with thousands separated; "-" where there is none."""
    return "-" if math.isnan(value) else f"{value:,.{digits}f}"


def micro(seconds: float) -> str:
    """Return seconds as microseconds."""
    return number(1e6 * seconds)


def milli(seconds: float) -> str:
    """Return seconds as milliseconds, to a tenth."""
    return number(1e3 * seconds, 1)


def percent(part: float, digits: int = 0) -> str:
    """Return a part of one as a percentage; only all of it reads as 100."""
    if math.isnan(part):
        return "-"
    shown = math.floor(part * 100 * 10**digits) / 10**digits if part < 1 else 100 * part
    return f"{shown:,.{digits}f} %"


def times(value: float) -> str:
    """Return a ratio such as "12.3x", one below a tenth with two digits."""
    if math.isnan(value):
        return "-"
    return f"{value:,.{2 if value < 0.1 else 1}f}x"


def spread(values: Sequence[float]) -> str:
    """Return the range of some ratios, such as "0.4x to 12.3x"."""
    known = sorted(value for value in values if not math.isnan(value))
    if not known:
        return "-"
    low, high = times(known[0]), times(known[-1])
    return low if low == high else f"{low} to {high}"
