"""The fenced blocks of a page, and the HTML comments that say how the tests treat them.

    ```yaml       a document of kvmc, or a part of one
    ```console    commands after `$ ` (`> ` goes on), each with its output below, or with none;
                  they exit with 0, or as `# exit code 3` (`0 or 3`) behind them says

A comment stands on a line of its own before its block:

    <!-- needs: libvirtd -->      runs only where that is there (see session.NEEDS)
    <!-- not run: reason -->      is not run; YAML is parsed all the same
    <!-- file: vms/web.yaml -->   the YAML is written there for the commands that follow; where the
                                  repository has a file of that name, it is quoted: both agree
    <!-- run                      commands that the reader does not see; the comment may also have
    $ mkdir /tmp/web              `needs: NAME` behind its first word
    -->
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_COMMENT = re.compile(r"<!-- (needs|not run|file): (.+) -->\s*\Z")
_HIDDEN = re.compile(r"<!-- run(?: needs: (.+))?\s*\Z")
_FENCE = re.compile(r"(`{3,})(\w*)\s*\Z")
_ANY = "..."
_EXIT = re.compile(r"\s+# exit code (\d+)(?: or (\d+))?\Z")


class Block(Struct, frozen=True, kw_only=True):
    """A fenced block, or the commands of a hidden comment."""

    language: str
    text: str
    line: int
    """Of its first line in the page, from 1."""
    notes: dict[str, str] = {}

    @property
    def needs(self) -> tuple[str, ...]:
        """What the block needs, by name; empty where it runs anywhere."""
        return tuple(self.notes.get("needs", "").replace(",", " ").split())

    @property
    def skipped(self) -> bool:
        """Whether the page says that it is not run."""
        return "not run" in self.notes


class Command(Struct, frozen=True, kw_only=True):
    """A command as it is typed, and what the page shows below it."""

    text: str
    output: str
    """Empty where the page shows none; then it is not compared."""
    codes: tuple[int, ...]
    """The exit codes that are right."""
    line: int


def blocks(page: str) -> tuple[Block, ...]:
    """Return the blocks of a page in their order; raises ValueError where one does not end."""
    return tuple(_blocks(page.splitlines()))


def _blocks(lines: Sequence[str]) -> Iterator[Block]:
    notes: dict[str, str] = {}
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if match := _COMMENT.match(line):
            notes[match[1]] = match[2]
        elif match := _HIDDEN.match(line):
            end = _find(lines, at, "-->")
            hidden = {"needs": match[1]} if match[1] else {}
            text = "\n".join(lines[at:end])
            yield Block(language="console", text=text, line=at + 1, notes=hidden)
            at = end + 1
        elif match := _FENCE.match(line):
            end = _find(lines, at, match[1])
            text = "\n".join(lines[at:end])
            yield Block(language=match[2], text=text, line=at + 1, notes=notes)
            notes, at = {}, end + 1
        elif line.strip() and notes:
            raise ValueError(f"line {at}: {sorted(notes)} stand before no block")


def _find(lines: Sequence[str], start: int, end: str) -> int:
    for at in range(start, len(lines)):
        if lines[at].rstrip() == end:
            return at
    raise ValueError(f"line {start}: the block has no end")


def commands(block: Block) -> tuple[Command, ...]:
    """Return the commands of a console block; raises ValueError where its first line is none."""
    found: list[tuple[int, list[str], list[str]]] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            found.append((number, [line[2:]], []))
        elif not found:
            raise ValueError(f"line {number}: a console block starts with `$ `")
        elif line.startswith("> ") and not found[-1][2]:
            found[-1][1].append(line[2:])
        else:
            found[-1][2].append(line)
    return tuple(_command(number, typed, shown) for number, typed, shown in found)


def _command(line: int, typed: Sequence[str], shown: Sequence[str]) -> Command:
    text, output = "\n".join(typed), "\n".join(shown).strip("\n")
    match = _EXIT.search(text)
    codes = tuple(int(code) for code in match.groups() if code) if match else (0,)
    return Command(text=text, output=output, codes=codes, line=line)


def shows(output: str, actual: str) -> bool:
    """Tell whether a page's output is what came out.

    A line of `...` stands for any lines, `...` within a line for any text; there the width of
    columns may differ too. Blank lines at the ends and blanks at the end of a line do not count.
    """
    runs: list[list[str]] = [[]]
    for line in _lines(output):
        if line.strip() == _ANY:
            runs.append([])
        else:
            runs[-1].append(line)
    return _follow(runs, _lines(actual))


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def _follow(runs: Sequence[Sequence[str]], lines: Sequence[str]) -> bool:
    """Tell whether the runs of lines stand in this order, with anything between them.

    The first and the last are at the ends; the earliest place of each other one is the best.
    """
    first, *others = runs
    if not others:
        return len(first) == len(lines) and _here(first, lines, 0)
    *middle, last = others
    at, end = len(first), len(lines) - len(last)
    if at > end or not (_here(first, lines, 0) and _here(last, lines, end)):
        return False
    for run in middle:
        places = (n for n in range(at, end - len(run) + 1) if _here(run, lines, n))
        found = next(places, None)
        if found is None:
            return False
        at = found + len(run)
    return True


def _here(run: Sequence[str], lines: Sequence[str], at: int) -> bool:
    return all(_same(line, lines[at + n]) for n, line in enumerate(run))


def _same(line: str, actual: str) -> bool:
    """Tell whether one line is another; the parts between `...` are looked for in their order."""
    if _ANY not in line:
        return line == actual
    first, *others = (part.strip() for part in " ".join(line.split()).split(_ANY))
    text, last = " ".join(actual.split()), others.pop()
    if not (text.startswith(first) and text[len(first) :].endswith(last)):
        return False
    text = text[len(first) : len(text) - len(last)]
    for part in others:
        at = text.find(part)
        if at < 0:
            return False
        text = text[at + len(part) :]
    return True
