"""Markdown: tables and numbers for people."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading, what was measured in words, tables, and what misses its target."""

    title: str
    words: str
    tables: tuple[str, ...] = ()
    missed: tuple[str, ...] = field(default=())

    def text(self) -> str:
        """Return the section as Markdown."""
        parts = [f"## {self.title}", self.words, *self.tables]
        if self.missed:
            parts.append("Missed: " + "; ".join(self.missed) + ".")
        return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; columns but the first are numbers and stand on the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float, digits: int = 0) -> str:
    """Return a number with thousands separated; "-" where there is none."""
    return "-" if math.isnan(value) else f"{value:,.{digits}f}"


def micro(seconds: float) -> str:
    """Return seconds as microseconds."""
    return number(1e6 * seconds)


def milli(seconds: float) -> str:
    """Return seconds as milliseconds, to a tenth."""
    return number(1e3 * seconds, 1)


def times(value: float) -> str:
    """Return a ratio such as "12.3x"."""
    return "-" if math.isnan(value) else f"{value:,.1f}x"
