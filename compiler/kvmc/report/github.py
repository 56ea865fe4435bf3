"""Diagnostics as GitHub's workflow commands, which show them beside the changed lines.

Source: "Workflow commands for GitHub Actions", and its own writer of them (actions/toolkit,
packages/core/src/command.ts) for what is escaped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.codes import CODES
from kvmc.diagnostics import Severity
from kvmc.report.location import path_of
from kvmc.report.style import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmc.diagnostics import Diagnostic

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def to_text(diagnostics: Iterable[Diagnostic], folder: str, root: str) -> str:
    """Return a line a diagnostic: `::error file=,line=,col=,title=::message`."""
    return "".join(_one(d, folder, root) for d in diagnostics)


def _one(diagnostic: Diagnostic, folder: str, root: str) -> str:
    path, span = path_of(diagnostic, folder, root), diagnostic.span
    properties = {} if path is None else {"file": path}
    if path is not None and span is not None:
        properties |= {"line": str(span.line), "col": str(span.column)}
    properties["title"] = _title(diagnostic.code)
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_COMMANDS[diagnostic.severity]} {given}::{_message(diagnostic)}\n"


def _title(code: str) -> str:
    return f"{code}: {CODES[code].title}" if code in CODES else code


def _message(diagnostic: Diagnostic) -> str:
    parts = [diagnostic.message] + ([f"hint: {diagnostic.hint}"] if diagnostic.hint else [])
    return _data("\n".join(map(printable, parts)))


def _data(text: str) -> str:
    """Escape a message: it ends at a line's end, and % begins an escape."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape a property, which a comma or a colon would end."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
