"""QEMU's options as values, and the two escapes a command line needs: QEMU's and the shell's."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

Value = str | int | bool | None
"""None leaves the property out, True and False say on and off."""

_UNITS = (("T", 1 << 30), ("G", 1 << 20), ("M", 1 << 10), ("K", 1))


class Option(Struct, frozen=True):
    """One option and its argument; `value` None is an option that takes none."""

    name: str
    value: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The one or two words it takes in an argv."""
        return (self.name,) if self.value is None else (self.name, self.value)


def option(name: str, *properties: tuple[str, Value], head: str | None = None) -> Option:
    """Return `name head,key=value,...`: what QEMU's keyval and QemuOpts parsers read.

    Both end a value at a comma and take two for one (qapi/../keyval.c, qemu-option.c), and
    neither knows another escape. `head` is for words of ours only: a `=` in it would make it a
    key.
    """
    pairs = [f"{key}={_text(value)}" for key, value in properties if value is not None]
    return Option(name, ",".join([head, *pairs] if head is not None else pairs))


def _text(value: str | int) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value).replace(",", ",,")


def size(kib: int) -> str:
    """Return a size with QEMU's largest exact suffix, powers of 1024: 33554432 is `32G`."""
    return next(f"{kib // unit}{suffix}" for suffix, unit in _UNITS if kib % unit == 0)


def shell_word(word: str, *, first: bool = False) -> str:
    """Return a word as any POSIX shell reads it back.

    As the first word of a line `A=b` would be an assignment, which shlex does not mind.
    """
    quoted = shlex.quote(word)
    return f"'{word}'" if first and quoted == word and "=" in word else quoted


def shell_lines(binary: str, options: Iterable[Option]) -> tuple[str, ...]:
    """Return the lines of a command, one option a line, without what joins them."""
    lines = [" ".join(shell_word(word) for word in one.words) for one in options]
    return (shell_word(binary, first=True), *lines)
