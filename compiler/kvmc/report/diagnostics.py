"""Diagnostics for people and for machines: caret text or JSON objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmc.diagnostics import Severity
from kvmc.report.style import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kvmc.diagnostics import Diagnostic, Span
    from kvmc.report.style import Style

_COLOURS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.NOTE: "1;36"}
_MAX_EXCERPT = 160


def to_text(
    diagnostics: Iterable[Diagnostic], lines: Mapping[str, Sequence[str]], style: Style
) -> str:
    """Return the report: a heading, the source line with a caret, and the hint of each."""
    return "".join(
        _one(d, lines.get(d.place.file, ()) if d.place else (), style) for d in diagnostics
    )


def _one(diagnostic: Diagnostic, lines: Sequence[str], style: Style) -> str:
    span = diagnostic.span
    out = _heading(diagnostic, style) + "\n"
    if span is not None and span.line <= len(lines):
        caret = style.paint("^", _COLOURS[diagnostic.severity])
        out += _excerpt(span, lines[span.line - 1], caret, style)
    if diagnostic.hint:
        out += f"  {style.paint('hint:', '1')} {printable(diagnostic.hint)}\n"
    return out


def _heading(diagnostic: Diagnostic, style: Style) -> str:
    where = printable(diagnostic.place.file) if diagnostic.place else ""
    if where and diagnostic.span is not None:
        where += f":{diagnostic.span.line}:{diagnostic.span.column}"
    label = style.paint(f"{diagnostic.severity}[{diagnostic.code}]", _COLOURS[diagnostic.severity])
    prefix = f"{style.paint(where, '1')}: " if where else ""
    return f"{prefix}{label}: {printable(diagnostic.message)}"


def _excerpt(span: Span, line: str, caret: str, style: Style) -> str:
    """Return the source line and a caret under the column, cut around it where it is long."""
    start = max(0, span.column - _MAX_EXCERPT // 2) if len(line) > _MAX_EXCERPT else 0
    # Tabs and control characters become one cell each, so that the caret stays under its column.
    shown = "".join(c if c.isprintable() else " " for c in line[start : start + _MAX_EXCERPT])
    gutter = style.paint(f" {span.line} |", "2")
    blank = style.paint(f" {' ' * len(str(span.line))} |", "2")
    return f"{gutter} {shown}\n{blank} {' ' * (span.column - 1 - start)}{caret}\n"


def to_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """Return the object of the contract's section 6; what is not known is null."""
    place, span = diagnostic.place, diagnostic.span
    return {
        "code": diagnostic.code,
        "severity": str(diagnostic.severity),
        "message": diagnostic.message,
        "file": place.file if place else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "pointer": place.pointer if place else None,
        "hint": diagnostic.hint,
    }
