"""Syntax: what PyYAML says about broken text, in words for the person who wrote it.

The C parser and the Python one word the same trouble differently; a rule lists a piece of each.
Where something opened is never closed, the place is where it opened, not the end of the file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from yaml import MarkedYAMLError

from kvmc.source.problems import shown
from kvmc.source.syntax_rules import RULES
from kvmc.source.text import lines_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.source.problems import Problems
    from kvmc.source.syntax_rules import Rule

_CONFLICT = ("<<<<<<< ", ">>>>>>> ")
_RESOLVE = (
    "keep one side of each, and remove the lines that start with <<<<<<<, ======= and >>>>>>>"
)
_WORD = re.compile(r"\w[\w.-]*")


class _Trouble(Struct, frozen=True, kw_only=True):
    """A syntax error: where it was noticed, and where what it broke begins (from 1)."""

    problem: str
    context: str
    line: int
    column: int
    opened: tuple[int, int]
    found: str
    """The word or character that stands there, as a message shows it."""
    at_end: bool
    """Whether only blanks follow."""


def report_syntax(bad: Exception, text: str, problems: Problems) -> None:
    """Add the diagnostic for what a parser raised."""
    lines = lines_of(text)
    if conflict := _conflict(lines):
        problems.add("KV104", "a merge left its conflict here", conflict, 1, _RESOLVE)
        return
    trouble = _trouble(bad, lines)
    rule = next((rule for rule in RULES if _applies(rule, trouble)), None)
    line, column = trouble.line, trouble.column
    message, hint = trouble.problem, "see the YAML specification at yaml.org/spec/1.2.2"
    if rule is not None:
        message = rule.message.format(found=trouble.found, line=trouble.opened[0])
        hint = rule.hint
        if rule.opened:
            line, column = trouble.opened
    problems.add("KV104", message, line, column, hint)


def _conflict(lines: Sequence[str]) -> int:
    """Return the number of the line where git's first conflict begins; 0 where there is none."""
    return next((i for i, line in enumerate(lines, 1) if line.startswith(_CONFLICT)), 0)


def _trouble(bad: Exception, lines: tuple[str, ...]) -> _Trouble:
    problem, context = shown(str(bad)), ""
    here: Any = None
    opened: Any = None
    if isinstance(bad, MarkedYAMLError):
        problem, context = bad.problem or problem, bad.context or ""
        here, opened = bad.problem_mark or bad.context_mark, bad.context_mark
    line, column = (here.line + 1, here.column + 1) if here is not None else (1, 1)
    if line > len(lines):  # libyaml lets the end of a last line without LF count as a line
        line, column = len(lines), len(lines[-1]) + 1
    rest = lines[line - 1][column - 1 :]
    if rest.startswith("\t") and "start any token" in problem:
        problem = "found a tab character"  # libyaml does not name what it found
    return _Trouble(
        problem=problem,
        context=context,
        line=line,
        column=column,
        found=_found(rest),
        opened=(opened.line + 1, opened.column + 1) if opened is not None else (line, column),
        at_end=not rest.strip() and not any(one.strip() for one in lines[line:]),
    )


def _found(rest: str) -> str:
    word = _WORD.match(rest)
    return f"'{shown(word[0] if word else rest[0])}'" if rest else "the end of the line"


def _applies(rule: Rule, trouble: _Trouble) -> bool:
    fits = any(piece in trouble.problem for piece in rule.pieces)
    fits = fits and rule.context in trouble.context and rule.found in ("", trouble.found)
    return fits and (trouble.at_end or not rule.at_end)
