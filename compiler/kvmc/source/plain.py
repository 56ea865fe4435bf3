"""The plain reader: documents without positions, of files in which nothing is unusual.

Most files are right and simply written, and then nobody asks where anything stands: a line at a
time they are read in a fraction of PyYAML's time, and PyYAML need not be imported. This reader
knows keys, lists, one-line scalars and flow collections, but no anchors, tags, escapes or block
scalars. It reports nothing: at the first thing that is not plain it gives up, and `compose` reads
the file from its beginning. What both can read they read alike (tests/unit/source/test_plain.py).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kvmc.source import problems as bounds
from kvmc.source.document import Document
from kvmc.source.pieces import (
    KEY,
    MAX_LEVELS,
    PLAIN,
    QUOTED,
    Mapping,
    NotPlainError,
    key_of,
    read_flow,
    scalar_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.source.nodes import Node

    Reread = Callable[[str], tuple[Node | None, ...]]
    Levels = list[tuple[int, Any]]
    """The open collections, outermost first, each with the column of its entries."""

_NOTHING = r"(?: *+(?:#[^\n]*+)?+\n)*+"
_END = r" *+(?:(?<= )#[^\n]*+)?+\n"
_LINE = re.compile(
    rf"{_NOTHING}( *+)(- ++(?=[^\n#]))?+(?:({KEY}):(?=[ \n]) *+)?+"
    rf"(?:({PLAIN}|{QUOTED})?+{_END}|(?=([\[{{])))"
)
"""Indent, dash, key, and a scalar to the line's end or the bracket of a flow collection."""
_ONLY_NOTHING = re.compile(_NOTHING)
_ONLY_END = re.compile(_END)
_SEPARATOR = re.compile(r"^---\n", re.MULTILINE)


def read_plain(text: str, file: str, reread: Reread | None = None) -> tuple[Document, ...] | None:
    """Return the documents of a file, or None where `compose` must read it.

    `reread` gives the positions of a text's documents, should somebody ask a document for them.
    """
    if "\r" in text:  # which ends a line too, in YAML
        return None
    parts = _SEPARATOR.split(text if text.endswith("\n") else text + "\n")
    if len(parts) > 1 and _ONLY_NOTHING.fullmatch(parts[0]):
        del parts[0]
    if len(parts) > bounds.MAX_DOCUMENTS or max(map(len, parts)) > 2 * bounds.MAX_VALUES:
        return None
    try:
        return tuple(
            Document(file=file, index=index, text=text, data=_document(part), reread=reread)
            for index, part in enumerate(parts)
        )
    except NotPlainError:
        return None


def _document(text: str) -> Mapping:
    """Read the mapping that a document is, of lines that all end."""
    root: Mapping = {}
    levels: Levels = [(0, root)]
    awaited: str | int | None = None
    position = 0
    while line := _LINE.match(text, position):
        spaces, dash, raw_key, raw, flow = line.groups()
        position, column = line.end(), len(spaces)
        at, into = levels[-1]
        if dash or at != column or awaited is not None or type(into) is list:
            into = _level(levels, column, awaited, is_item=dash is not None)
            awaited = None
        if dash and raw_key:
            into.append({})
            into, column = into[-1], column + len(dash)
            levels.append((column, into))
        value: object = None
        if raw is not None:
            value = scalar_of(raw)
        elif flow:
            value, position = _flow(text, position, column)
        if raw_key:
            key = key_of(raw_key, into)
            into[key] = value
            if raw is None and not flow:
                awaited = key
        elif dash:
            into.append(value)
        else:
            raise NotPlainError
    if not root or not _ONLY_NOTHING.fullmatch(text, position):
        raise NotPlainError
    return root


def _level(levels: Levels, column: int, awaited: str | int | None, *, is_item: bool) -> Any:  # noqa: ANN401 (list or dict)
    """Open or close collections, and return the one that a line at the column belongs to.

    `awaited` is the key above that has no value on its line: what stands deeper is its value, and
    so is a list that does not.
    """
    if awaited is not None and column >= levels[-1][0] + (not is_item):
        if len(levels) > MAX_LEVELS:
            raise NotPlainError
        into: Any = [] if is_item else {}
        levels[-1][1][awaited] = into
        levels.append((column, into))
        return into
    while levels[-1][0] > column:
        levels.pop()
    if not is_item and type(levels[-1][1]) is list:
        levels.pop()
    found, into = levels[-1]
    if found != column or (type(into) is list) is not is_item:
        raise NotPlainError
    return into


def _flow(text: str, start: int, column: int) -> tuple[object, int]:
    """Read a flow collection to the end of its line; return it, and where the next line starts."""
    value, stop = read_flow(text, start)
    end = _ONLY_END.match(text, stop)
    lines = text[start:stop].split("\n")[1:]
    if end is None or any(not line.startswith(" " * (column + 1)) for line in lines):
        raise NotPlainError
    return value, end.end()
