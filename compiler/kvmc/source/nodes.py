"""Nodes: the data of a document beside the position of everything in it.

Mutable, unlike the models of other stages, because a tree is built from its leaves while the text
is parsed; nobody changes it afterwards.
"""

from __future__ import annotations

from msgspec import Struct

from kvmc.diagnostics import Span


class Node(Struct):
    """A value. `entries` is set for a mapping, `items` for a list, neither for a scalar."""

    line: int
    column: int
    data: object
    entries: dict[str, Entry] | None = None
    """Pointer part of the key (`"0"` for 0) -> entry."""
    items: list[Node] | None = None

    @property
    def span(self) -> Span:
        """Where the value starts: its tag or anchor if it has one, else its first character."""
        return Span(line=self.line, column=self.column)

    def child(self, part: str) -> Entry | Node | None:
        """Return what stands under one unescaped part of a JSON pointer."""
        if self.entries is not None:
            return self.entries.get(part)
        digits = part.isascii() and part.isdigit() and len(part) < 8  # noqa: PLR2004  4 MiB of items
        if self.items is not None and digits and int(part) < len(self.items):
            return self.items[int(part)]
        return None


class Entry(Struct):
    """A key of a mapping, where it stands, and its value."""

    key: str | int
    line: int
    column: int
    value: Node

    @property
    def span(self) -> Span:
        """Where the key starts."""
        return Span(line=self.line, column=self.column)


def find(root: Node, pointer: str, *, key: bool) -> Span:
    """Return the position of the value (or key) at a JSON pointer, or of its nearest parent."""
    node = root
    span = root.span
    for part in pointer.split("/")[1:]:
        child = node.child(part.replace("~1", "/").replace("~0", "~"))
        if child is None:
            return node.span
        node = child.value if isinstance(child, Entry) else child
        span = child.span if key else node.span
    return span
