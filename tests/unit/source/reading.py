"""Short ways to read a text in a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.source.reader import read

if TYPE_CHECKING:
    from kvmc.source.document import Document

FILE = "vm.yaml"


def problems(text: str | bytes) -> list[tuple[str, int, int]]:
    """Return code, line and column of every problem, in the order found."""
    found = []
    for problem in read(_bytes(text), FILE).diagnostics:
        assert problem.span is not None
        assert problem.place is not None
        assert problem.place.file == FILE
        assert problem.hint
        found.append((problem.code, problem.span.line, problem.span.column))
    return found


def only(text: str | bytes) -> Document:
    """Return the one document of a text without problems."""
    outcome = read(_bytes(text), FILE)
    assert outcome.diagnostics == ()
    assert outcome.value is not None
    (document,) = outcome.value
    return document


def said(text: str | bytes) -> tuple[str, str]:
    """Return message and hint of the one problem of a text."""
    (problem,) = read(_bytes(text), FILE).diagnostics
    return problem.message, problem.hint or ""


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
