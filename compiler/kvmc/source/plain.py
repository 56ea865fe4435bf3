"""The plain reader: documents without positions, of files in which nothing is unusual.

Most files are right, and then nobody asks where anything stands: reading without positions takes
half the time. This reader knows no anchors, tags or merges and reports nothing; at the first thing
that is not plain it gives up, and `compose` reads the file from its beginning. What both can read
they read alike (tests/unit/source/test_plain.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from yaml import events as ev

from kvmc.source.document import Document
from kvmc.source.scalars import resolve
from kvmc.source.stream import MAX_DEPTH, TROUBLE, open_parser
from kvmc.source.text import control_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.source.nodes import Node
    from kvmc.source.scalars import Scalar
    from kvmc.source.stream import Parser

    Reread = Callable[[str], tuple[Node | None, ...]]

_NO_KEY: Final = object()


class _NotPlainError(Exception):
    """Ends this reading; never leaves the module."""


def read_plain(text: str, file: str, reread: Reread | None = None) -> tuple[Document, ...] | None:
    """Return the documents of a file, or None where `compose` must read it.

    `reread` gives the positions of a text's documents, should somebody ask a document for them.
    """
    try:
        every = enumerate(_documents(open_parser(text)))
        return (
            tuple(
                Document(file=file, index=index, text=text, data=data, reread=reread)
                for index, data in every
            )
            or None
        )
    except (_NotPlainError, *TROUBLE):
        return None


def _documents(parser: Parser) -> list[object]:
    found: list[object] = []
    while (event := parser.get_event()) is not None and type(event) is not ev.StreamEndEvent:
        if type(event) is ev.DocumentStartEvent:
            found.append(_collection(parser))
    return found


def _collection(parser: Parser) -> object:
    """Read the mapping or list that is a document; one loop, for it runs for every word."""
    next_event = parser.get_event
    outer: list[tuple[Any, Any]] = []
    into: Any = None
    key: Any = _NO_KEY
    while True:
        event: Any = next_event()
        kind = type(event)
        if kind is ev.ScalarEvent:
            value: Any = _scalar(event)
        elif kind is ev.MappingStartEvent or kind is ev.SequenceStartEvent:
            if event.anchor is not None or event.tag is not None or len(outer) >= MAX_DEPTH:
                raise _NotPlainError
            outer.append((into, key))
            into = {} if kind is ev.MappingStartEvent else []
            key = _NO_KEY
            continue
        elif kind is ev.MappingEndEvent or kind is ev.SequenceEndEvent:
            value = into
            into, key = outer.pop()
            if not outer:
                return value
        else:
            raise _NotPlainError
        if type(into) is list:
            into.append(value)
        elif key is _NO_KEY:
            key = _key(value, into)
        else:
            into[key] = value
            key = _NO_KEY


def _scalar(event: ev.ScalarEvent) -> Scalar:
    if event.anchor is not None or event.tag is not None:
        raise _NotPlainError
    text: str = event.value
    if event.implicit[0]:
        if text == "<<":
            raise _NotPlainError
        return resolve(text)
    if event.style == '"' and control_name(text) is not None:
        raise _NotPlainError
    return text


def _key(key: Any, mapping: Any) -> str | int:  # noqa: ANN401 - YAML data is of any shape
    """Return what may be a key here; `1` and `"1"` are one key, as they are in a JSON pointer."""
    kind = type(key)
    if (kind is not str and kind is not int) or mapping is None or key in mapping:
        raise _NotPlainError  # no mapping: the document is a scalar
    if kind is int and str(key) in mapping:
        raise _NotPlainError
    if kind is str and key[-1:].isdigit() and resolve(key) in mapping:
        raise _NotPlainError
    return key  # type: ignore[no-any-return]
