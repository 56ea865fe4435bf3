"""A hardened reading of an XML document that remembers where each element stands in the bytes.

expat and not libxml2, because expat tells byte offsets: whoever edits by offset leaves every byte
alone that he does not mean to change. Document types are refused, so there are no entities.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.parsers import expat

from msgspec import Struct

from kvmc.diagnostics import Outcome, error

if TYPE_CHECKING:
    from kvmc.diagnostics import Place

MAX_BYTES = 4 * 1024 * 1024
"""As contract section 1 has it for YAML."""
MAX_DEPTH = 256
"""As libxml2 without XML_PARSE_HUGE."""
MAX_ELEMENTS = 100_000
"""Far more than the largest domain has; a million takes ten seconds."""

_TAG = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*>""")


class Element(Struct, frozen=True, kw_only=True):
    """An element and its span: data[start:end] is all of it, data[inner:close] its content."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    """In the order of the document."""
    text: str
    """Its own character data without the white space around it."""
    children: tuple[Element, ...]
    start: int
    inner: int
    close: int
    end: int

    def get(self, name: str) -> str | None:
        """Return an attribute; None where it is absent."""
        return dict(self.attributes).get(name)

    def all(self, tag: str) -> tuple[Element, ...]:
        """Return the children of that tag."""
        return tuple(child for child in self.children if child.tag == tag)


def parse(data: bytes, name: str, place: Place | None) -> Outcome[Element]:
    """Read a document; KV601 where it is not well-formed UTF-8, KV603 for a document type.

    `name` is what messages call the document, `place` where in the spec it is named.
    """
    problem = _bytes_problem(data)
    if problem is not None:
        return Outcome(None, (error("KV601", f"{name} {problem}", place),))
    reader = _Reader(data)
    try:
        reader.run()
    except expat.ExpatError as bad:
        reason = f"{expat.ErrorString(bad.code)}, line {bad.lineno}, column {bad.offset + 1}"
        return Outcome(None, (error("KV601", f"{name} is not well-formed: {reason}", place),))
    except _RefusedError as refused:
        return Outcome(None, (error(refused.code, f"{name} {refused}", place, hint=refused.hint),))
    return Outcome(reader.root)


def _bytes_problem(data: bytes) -> str | None:
    if len(data) > MAX_BYTES:
        return f"has {len(data)} bytes, more than {MAX_BYTES}"
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as bad:
        return f"is not UTF-8: byte {bad.start} is 0x{data[bad.start]:02x}"
    return "is not UTF-8: it holds NUL characters" if "\0" in text else None


class _RefusedError(Exception):
    """The document is well-formed so far, and nothing kvmc reads."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


class _Open(Struct):
    """An element whose end tag has not come yet."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    start: int
    inner: int
    text: list[str] = []
    children: list[Element] = []


class _Reader:
    """expat's events -> Element."""

    root: Element | None = None
    _elements = 0

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._open: list[_Open] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.ordered_attributes = True
        self._parser.XmlDeclHandler = self._declaration
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def run(self) -> None:
        self._parser.Parse(self._data, True)

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding or "utf-8").lower() not in ("utf-8", "us-ascii"):
            raise _RefusedError("KV601", f"is declared as {encoding}", "convert it to UTF-8")

    def _doctype(self, *_: object) -> None:
        raise _RefusedError("KV603", "declares a document type", "remove the <!DOCTYPE ...>")

    def _start(self, tag: str, flat: list[str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise _RefusedError("KV601", f"is nested deeper than {MAX_DEPTH}", "flatten it")
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            message = f"has more than {MAX_ELEMENTS} elements"
            raise _RefusedError("KV601", message, "is it the file you meant?")
        start = self._parser.CurrentByteIndex
        match = _TAG.match(self._data, start)
        inner = match.end() if match else start
        pairs = tuple(zip(flat[::2], flat[1::2], strict=True))
        self._open.append(_Open(tag=tag, attributes=pairs, start=start, inner=inner))

    def _characters(self, text: str) -> None:
        self._open[-1].text.append(text)

    def _end(self, _tag: str) -> None:
        done = self._open.pop()
        close = end = done.inner
        if not self._data.endswith(b"/>", done.start, done.inner):
            close = self._parser.CurrentByteIndex
            end = self._data.index(b">", close) + 1
        element = Element(
            tag=done.tag,
            attributes=done.attributes,
            text="".join(done.text).strip(),
            children=tuple(done.children),
            start=done.start,
            inner=done.inner,
            close=close,
            end=end,
        )
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
