"""Frames: a collection while its values arrive, and lists as the simple kind of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.source.nodes import Node

if TYPE_CHECKING:
    from kvmc.source.problems import Problems


class Frame(Struct):
    """What lists and mappings have in common while they are open."""

    node: Node
    """What the collection becomes."""
    anchor: str | None
    size: int = 1
    """Keys and values so far, the collection itself and what aliases stand for included."""
    height: int = 1
    """Levels of collections so far, this one included."""


class ListFrame(Frame, kw_only=True):
    """An open list; `data` and `items` are those of its node."""

    data: list[object]
    items: list[Node]

    def take(self, node: Node, _problems: Problems) -> None:
        """Add an item."""
        self.items.append(node)
        self.data.append(node.data)


def open_list(line: int, column: int, anchor: str | None) -> ListFrame:
    """Return the frame of an empty list."""
    data: list[object] = []
    items: list[Node] = []
    node = Node(line, column, data, items=items)
    return ListFrame(node=node, anchor=anchor, data=data, items=items)
