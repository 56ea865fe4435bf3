"""The fenced blocks of a page, and the HTML comments that say how the tests treat them.

    ```yaml       a document of kvmc, or a part of one
    ```console    commands after `$ ` (`> ` goes on), each with its output below, or with none

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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_COMMENT = re.compile(r"<!-- (needs|not run|file): (.+) -->\s*\Z")
_HIDDEN = re.compile(r"<!-- run(?: needs: (.+))?\s*\Z")
_FENCE = re.compile(r"(`{3,})(\w*)\s*\Z")
_EXIT = re.compile(r"\s+# exit code (\d+)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block, or the commands of a hidden comment."""

    language: str
    text: str
    line: int
    """Of its first line in the page, from 1."""
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def needs(self) -> tuple[str, ...]:
        """What the block needs, by name; empty where it runs anywhere."""
        return tuple(self.notes.get("needs", "").replace(",", " ").split())

    @property
    def skipped(self) -> bool:
        """Whether the page says that it is not run."""
        return "not run" in self.notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command as it is typed, and what the page shows below it."""

    text: str
    output: str
    """Empty where the page shows none; then it is not compared."""
    code: int
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
        elif line.strip():
            if notes:
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
    return Command(text=text, output=output, code=int(match[1]) if match else 0, line=line)


def shows(output: str, actual: str) -> bool:
    """Tell whether a page's output is what came out.

    A line of `...` stands for any lines, `...` within a line for any text; there the width of
    columns may differ too. Blank lines at the ends and at the end of a line do not count.
    """
    pattern = "".join(_pattern(line.rstrip()) for line in output.strip("\n").splitlines())
    lines = actual.strip("\n").splitlines()
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in lines)) is not None


def _pattern(line: str) -> str:
    if line.strip() == "...":
        return r"(?:[^\n]*\n)*?"
    if "..." not in line:
        return re.escape(line) + r"\n"
    parts = (r"[ ]*".join(map(re.escape, re.split(" +", part))) for part in line.split("..."))
    return r"[^\n]*?".join(parts) + r"\n"
