"""Problems: the growing list of what is wrong with one file, with a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.diagnostics import Place, Span, error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvmc.diagnostics import Diagnostic

MAX_PROBLEMS = 1000
"""After so many the file is something else than YAML for kvmc; reading it stops."""

MAX_DOCUMENTS = 20_000
"""Of one file; finding the positions of so many takes half a second."""

MAX_VALUES = 500_000
"""Keys and values of one collection, those of collections in it included; each is two characters
at least. A host of 65,536 CPUs has 100,000."""

_SHOWN = 60


class Problems(Struct):
    """Collects diagnostics of one file; `document` is the index of the one being read."""

    file: str
    document: int = 0
    found: list[Diagnostic] = []
    stopped: bool = False
    """Whether the rest of the file is to be left unread."""

    def add(self, code: str, message: str, line: int, column: int, hint: str) -> None:
        """Note an error at a line and column, both counted from 1."""
        if len(self.found) > MAX_PROBLEMS:
            return
        if len(self.found) == MAX_PROBLEMS:
            self.stopped = True
            code = "KV118"
            message = f"more than {MAX_PROBLEMS} problems; the rest of the file was not read"
            hint = "is this the file you meant?"
        place = Place(file=self.file, document=self.document)
        span = Span(line=line, column=column)
        self.found.append(error(code, message, place, hint=hint, span=span))

    def stop(self, code: str, message: str, line: int, column: int, hint: str) -> None:
        """Note an error that ends the reading of this file; only the first such one counts."""
        if not self.stopped:
            self.add(code, message, line, column, hint)
            self.stopped = True


def too_many(place: Place) -> Diagnostic:
    """Return KV118 for a document with more than MAX_PROBLEMS."""
    text = f"more than {MAX_PROBLEMS} problems; the rest are not shown"
    return error("KV118", text, place, hint="is this the file you meant?")


def bounded(found: Iterable[Diagnostic], place: Place) -> Iterator[Diagnostic]:
    """Yield until there are MAX_PROBLEMS errors, then KV118 for those that would come.

    Rules yield one after the other: what is not told is not looked for either.
    """
    errors = 0
    for diagnostic in found:
        errors += diagnostic.is_error
        if errors > MAX_PROBLEMS:
            yield too_many(place)
            return
        yield diagnostic


def shown(text: str) -> str:
    """Return a name from the file as a message can print it: short, and no control characters."""
    clean = text if text.isprintable() else repr(text)[1:-1]
    return clean if len(clean) <= _SHOWN else clean[: _SHOWN - 1] + "…"
