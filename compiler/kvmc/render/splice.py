"""Edits to a document by byte offset: what no edit names stays as it is, to the byte.

New elements come from a second document (the rendered domain, indented by two spaces) and take
the indentation and line ends of the place they go to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.render.printing import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmc.render.views.attributes import Attributes
    from kvmc.render.xmltree import Element

_TRAILING_COMMENTS = re.compile(rb"(?:[ \t]*<!--[^\n]*?-->)*")
_UNIT = b"  "


class Edit(Struct, frozen=True):
    """data[start:end] becomes text; start == end inserts."""

    start: int
    end: int
    text: bytes


def apply(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Return the edited bytes; edits may not overlap, equal positions keep their order."""
    done: list[bytes] = []
    at = 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        done += (data[at : edit.start], edit.text)
        at = edit.end
    return b"".join((*done, data[at:]))


class Splicer:
    """Collects the edits that bring elements of `fresh` into `base`; takes elements of both."""

    def __init__(self, base: bytes, root: Element, fresh: bytes) -> None:
        self._base = base
        self._fresh = fresh
        self._newline = b"\r\n" if b"\r\n" in base else b"\n"
        self._edits: list[Edit] = []
        first = self._indent(root.children[0]) if root.children else None
        outer = self._indent(root) or b""
        self._unit = (first or b"").removeprefix(outer) or _UNIT

    @property
    def result(self) -> bytes:
        """The base with everything collected so far."""
        return apply(self._base, self._edits)

    def remove(self, old: Element) -> None:
        """Take an element away, and its line where it stood alone on it."""
        start = old.start
        lead = self._indent(old)
        if lead is not None:
            start -= len(lead) + 1
            if self._base.endswith(b"\r", 0, start):
                start -= 1
        self._edits.append(Edit(start, old.end, b""))

    def replace(self, old: Element, news: Sequence[Element], carried: Attributes = ()) -> None:
        """Put elements in an element's place; `carried` are attributes the first one gets too."""
        lead = self._indent(old)
        texts = [self._text(new, lead, carried) for new in news]
        self._edits.append(Edit(old.start, old.end, self._between(lead).join(texts)))

    def insert(self, parent: Element, news: Iterable[Element], order: Sequence[str]) -> None:
        """Add elements of one tag below a parent that has children, where `order` wants them."""
        lead = self._indent(parent.children[0])
        between = self._between(lead)
        for new in news:
            before = order[: order.index(new.tag) + 1]
            anchors = [child.end for child in parent.children if child.tag in before]
            at = anchors[-1] if anchors else parent.inner
            comments = _TRAILING_COMMENTS.match(self._base, at) if anchors else None
            at = comments.end() if comments else at
            self._edits.append(Edit(at, at, between + self._text(new, lead)))

    def retag(self, old: Element, attributes: Attributes) -> None:
        """Give an element that has children other attributes."""
        self._edits.append(Edit(old.start, old.inner, _tag(old.tag, attributes, b">")))

    def fill(self, old: Element, attributes: Attributes, news: Sequence[Element]) -> None:
        """Write an element anew that had no children."""
        lead = self._indent(old)
        deeper = None if lead is None else lead + self._unit
        if not news:
            text = _tag(old.tag, attributes, b"/>")
        else:
            between = self._between(deeper)
            body = b"".join(between + self._text(new, deeper) for new in news)
            end = b"</" + old.tag.encode() + b">"
            text = _tag(old.tag, attributes, b">") + body + self._between(lead) + end
        self._edits.append(Edit(old.start, old.end, text))

    def _between(self, lead: bytes | None) -> bytes:
        return b"" if lead is None else self._newline + lead

    def _indent(self, element: Element) -> bytes | None:
        """Return the white space before an element; None where it does not begin its line."""
        line = self._base.rfind(b"\n", 0, element.start) + 1
        lead = self._base[line : element.start]
        return lead if line and not lead.strip(b" \t") else None

    def _text(self, new: Element, lead: bytes | None, carried: Attributes = ()) -> bytes:
        """Return an element of `fresh` as it should look where lines begin with `lead`."""
        text = self._fresh[new.start : new.end]
        if carried:
            closing = b"/>" if new.inner == new.end else b">"
            tag = _tag(new.tag, new.attributes + carried, closing)
            text = tag + self._fresh[new.inner : new.end]
        first, *others = text.split(b"\n")
        if lead is None:
            return b"".join((first, *(line.lstrip(b" ") for line in others)))
        depth = new.start - self._fresh.rfind(b"\n", 0, new.start) - 1
        lines = [first]
        for line in others:
            bare = line.lstrip(b" ")
            level = (len(line) - len(bare) - depth) // len(_UNIT)
            lines.append(lead + self._unit * level + bare)
        return self._newline.join(lines)


def _tag(tag: str, attributes: Attributes, closing: bytes) -> bytes:
    given = "".join(f" {name}='{escape(value)}'" for name, value in attributes)
    return f"<{tag}{given}".encode() + closing
