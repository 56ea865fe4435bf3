"""Composer: parser events to documents, with every bound checked before anything is built.

It keeps a stack of its own and never recurses. An alias shares what its anchor names, and only
counts how much that is, so a "billion laughs" file costs no more than its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct
from yaml import events as ev

from kvmc.source import problems as bounds
from kvmc.source.anchors import Anchored, Anchors
from kvmc.source.document import Document
from kvmc.source.frames import open_list
from kvmc.source.mapping import MapFrame, open_mapping
from kvmc.source.nodes import Node
from kvmc.source.scalars import resolve
from kvmc.source.stream import MAX_DEPTH
from kvmc.source.text import control_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.source.frames import ListFrame
    from kvmc.source.problems import Problems
    from kvmc.source.scalars import Scalar
    from kvmc.source.stream import Parser


class Composer(Struct):
    """Builds the documents of one file from its events; `problems` gets what is wrong."""

    text: str
    problems: Problems
    anchors: Anchors
    documents: list[Document] = []
    _frames: list[ListFrame | MapFrame] = []
    _start: tuple[int, int] = (1, 1)
    _root: Node | None = None

    def run(self, parser: Parser) -> None:
        """Take all events of a parser, or as many as the bounds allow; raises what it raises."""
        steps: dict[type, Callable[..., None]] = {
            ev.StreamStartEvent: self._ignore,
            ev.ScalarEvent: self._scalar,
            ev.AliasEvent: self._alias,
            ev.MappingStartEvent: self._open,
            ev.SequenceStartEvent: self._open,
            ev.MappingEndEvent: self._close,
            ev.SequenceEndEvent: self._close,
            ev.DocumentStartEvent: self._begin,
            ev.DocumentEndEvent: self._end,
        }
        while not self.problems.stopped:
            event = parser.get_event()
            step = steps.get(type(event))
            if step is None:  # the end of the stream
                return
            step(event)

    def _ignore(self, event: ev.StreamStartEvent) -> None:
        """Take the event that every stream starts with."""

    def _begin(self, event: ev.DocumentStartEvent) -> None:
        mark: Any = event.start_mark
        self._start = (mark.line + 1, mark.column + 1)
        self._root = None
        self.anchors.clear()
        if self.problems.document >= bounds.MAX_DOCUMENTS:
            text = f"more than {bounds.MAX_DOCUMENTS} documents; the rest of the file was not read"
            self.problems.stop("KV119", text, *self._start, "split it into several files")

    def _end(self, _event: ev.DocumentEndEvent) -> None:
        index = self.problems.document
        if self._root is not None:
            self.documents.append(
                Document(
                    file=self.problems.file,
                    index=index,
                    text=self.text,
                    data=self._root.data,
                    root=self._root,
                )
            )
        self.problems.document = index + 1

    def _scalar(self, event: ev.ScalarEvent) -> None:
        mark: Any = event.start_mark
        line, column, text = mark.line + 1, mark.column + 1, event.value
        plain = event.implicit[0] and event.tag is None
        if plain and text == "<<" and (mapping := self._awaiting_key()):
            mapping.take_merge_key(line, column, self.problems)
            return
        if plain and not text and not self._frames and event.anchor is None:
            message = "the document is empty"
            self.problems.add("KV106", message, *self._start, "remove the extra '---', or fill it")
            return
        data: Scalar = text
        if plain:
            data = resolve(text)
        elif event.tag is not None:
            data = self._tagged(event.tag, text, line, column)
        if event.style == '"':
            self._check_escapes(text, line, column)
        node = Node(line, column, data)
        if event.anchor is not None and self.anchors.reserve(event.anchor, line, column):
            self.anchors.set(event.anchor, Anchored(node=node, size=1, height=0))
        self._put(node, 1, 0)

    def _tagged(self, tag: str, text: str, line: int, column: int) -> Scalar:
        from kvmc.source.tags import TagProblem, tagged_scalar

        value = tagged_scalar(tag, text)
        if not isinstance(value, TagProblem):
            return value
        self.problems.add(value.code, value.message, line, column, value.hint)
        return text

    def _check_tag(self, tag: str, name: str, line: int, column: int) -> None:
        from kvmc.source.tags import collection_problem

        bad = collection_problem(tag, name)
        if bad is not None:
            self.problems.add(bad.code, bad.message, line, column, bad.hint)

    def _check_escapes(self, text: str, line: int, column: int) -> None:
        name = control_name(text)
        if name is not None:
            message = f"the text holds the character {name}"
            hint = "remove the escape; no field of kvmc takes such a character"
            self.problems.add("KV103", message, line, column, hint)

    def _open(self, event: ev.CollectionStartEvent) -> None:
        mark: Any = event.start_mark
        line, column = mark.line + 1, mark.column + 1
        if len(self._frames) >= MAX_DEPTH:
            self._too_deep(line, column)
            return
        is_map = isinstance(event, ev.MappingStartEvent)
        if event.tag:
            self._check_tag(event.tag, "map" if is_map else "seq", line, column)
        anchor = event.anchor
        if anchor is not None and not self.anchors.reserve(anchor, line, column):
            anchor = None
        self._frames.append((open_mapping if is_map else open_list)(line, column, anchor))

    def _close(self, _event: ev.CollectionEndEvent) -> None:
        frame = self._frames.pop()
        if isinstance(frame, MapFrame) and frame.merged is not None:
            self.anchors.spend(frame.merge(), frame.node.line, frame.node.column)
        if frame.anchor is not None:
            anchored = Anchored(node=frame.node, size=frame.size, height=frame.height)
            self.anchors.set(frame.anchor, anchored)
        self._put(frame.node, frame.size, frame.height)

    def _alias(self, event: ev.AliasEvent) -> None:
        mark: Any = event.start_mark
        name = event.anchor or ""
        line, column = mark.line + 1, mark.column + 1
        target = self.anchors.follow(name, line, column)
        if target is None:
            self._put_nothing(line, column)
            return
        if len(self._frames) + target.height > MAX_DEPTH:
            self._too_deep(line, column)
            return
        node = target.node
        self._put(
            Node(line, column, node.data, node.entries, node.items), target.size, target.height
        )

    def _put(self, node: Node, size: int, height: int) -> None:
        """Hand a finished node to the collection it stands in."""
        if not self._frames:
            self._root = node
            return
        frame = self._frames[-1]
        frame.size += size
        if height >= frame.height:
            frame.height = height + 1
        if frame.size > bounds.MAX_VALUES:
            self._too_many(frame.node)
            return
        frame.take(node, self.problems)

    def _put_nothing(self, line: int, column: int) -> None:
        """Stand in for an alias that was refused, without a second complaint about a key."""
        mapping = self._awaiting_key()
        if mapping is not None:
            mapping.drop_key()
        else:
            self._put(Node(line, column, None), 1, 0)

    def _awaiting_key(self) -> MapFrame | None:
        """Return the innermost mapping if the next node is a key of it."""
        frame = self._frames[-1] if self._frames else None
        return frame if isinstance(frame, MapFrame) and frame.pending is None else None

    def _too_many(self, node: Node) -> None:
        kind = "mapping" if node.items is None else "list"
        message = f"more than {bounds.MAX_VALUES} values in the {kind} that begins here"
        hint = "no kvmc file needs that; is a bracket left open?"
        self.problems.stop("KV120", message, node.line, node.column, hint)

    def _too_deep(self, line: int, column: int) -> None:
        message = f"nested more than {MAX_DEPTH} levels deep"
        hint = "no kvmc file needs that; is a bracket left open?"
        self.problems.stop("KV111", message, line, column, hint)
