"""Diagnostics are values: every stage returns them beside its result.

While a stage runs, a diagnostic carries a *path* only (file, document, JSON pointer);
one last step, `locate`, turns paths into line and column. That keeps the stages free of text.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Severity(StrEnum):
    """How bad it is; with --strict a warning counts as an error."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Place(Struct, frozen=True, kw_only=True):
    """Where in the input: a file, the index of the YAML document in it, and a JSON pointer.

    `pointer` follows RFC 6901 and is "" for the whole document. `key` asks for the position of
    the key instead of the value (an unknown key, say).
    """

    file: str
    document: int = 0
    pointer: str = ""
    key: bool = False

    def at(self, *parts: str | int, key: bool = False) -> Place:
        """Return the place of a descendant; parts are escaped as RFC 6901 asks."""
        tail = "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in parts)
        pointer = self.pointer + tail
        # No replace(): rules name places by the thousand before they know that all is well.
        return Place(file=self.file, document=self.document, pointer=pointer, key=key)


class Described(Struct, frozen=True, kw_only=True):
    """What a document describes; two are equal that say the same, whatever their `place`."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._said() == other._said()

    def __hash__(self) -> int:
        return hash(self._said())

    def _said(self) -> tuple[object, ...]:
        return tuple([getattr(self, n) for n in self.__struct_fields__ if n != "place"])


class Span(Struct, frozen=True, kw_only=True):
    """A position in a text: line and column count from 1, in characters."""

    line: int
    column: int


class Diagnostic(Struct, frozen=True, kw_only=True):
    """One thing said to the user: a code that `kvmc explain` knows, a place and a way out."""

    code: str
    message: str
    severity: Severity = Severity.ERROR
    place: Place | None = None
    span: Span | None = None
    hint: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether this one alone makes the exit code 1."""
        return self.severity is Severity.ERROR

    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Order of a report: file, line, column, then code and message."""
        file = self.place.file if self.place else ""
        span = self.span or Span(line=0, column=0)
        return (file, span.line, span.column, self.code, self.message)


def error(
    code: str,
    message: str,
    place: Place | None = None,
    *,
    hint: str | None = None,
    span: Span | None = None,
) -> Diagnostic:
    """Build a diagnostic of severity error."""
    return Diagnostic(code=code, message=message, place=place, hint=hint, span=span)


def warning(
    code: str, message: str, place: Place | None = None, *, hint: str | None = None
) -> Diagnostic:
    """Build a diagnostic of severity warning."""
    return Diagnostic(code=code, message=message, place=place, hint=hint, severity=Severity.WARNING)


def note(
    code: str, message: str, place: Place | None = None, *, hint: str | None = None
) -> Diagnostic:
    """Build a diagnostic of severity note: never changes the exit code."""
    return Diagnostic(code=code, message=message, place=place, hint=hint, severity=Severity.NOTE)


class Outcome(Struct, Generic[T_co], frozen=True):
    """What a stage returns: a value, or none, and the diagnostics. Warnings survive success."""

    value: T_co | None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether there is no value, or an error beside it."""
        return self.value is None or any(d.is_error for d in self.diagnostics)


class Locator(Protocol):
    """Something that knows where a JSON pointer stands in a text."""

    def locate(self, pointer: str, *, key: bool = False) -> Span | None:
        """Return the position of the value (or key) at the pointer, or of its nearest parent."""


def locate(
    diagnostics: Iterable[Diagnostic], documents: dict[tuple[str, int], Locator]
) -> tuple[Diagnostic, ...]:
    """Give each diagnostic its line and column, and sort them as a report wants them.

    A diagnostic that already has a span, or whose document is not known, is left as it is.
    Equal diagnostics are reported once.
    """
    found: dict[Diagnostic, None] = {}
    for diagnostic in diagnostics:
        located = diagnostic
        if diagnostic.span is None and diagnostic.place is not None:
            place = diagnostic.place
            document = documents.get((place.file, place.document))
            if document is not None:
                located = replace(diagnostic, span=document.locate(place.pointer, key=place.key))
        found[located] = None
    return tuple(sorted(found, key=Diagnostic.sort_key))
