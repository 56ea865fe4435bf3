"""Mappings while they are open: which keys are keys, double ones, and `<<`.

Source of `<<`: https://yaml.org/type/merge.html (explicit keys win, then the earlier mapping).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmc.source.frames import Frame
from kvmc.source.nodes import Entry, Node
from kvmc.source.problems import shown

if TYPE_CHECKING:
    from kvmc.source.problems import Problems

_NOWHERE: Final = Node(line=0, column=0, data=None)
_DROPPED: Final = Entry(key="", line=0, column=0, value=_NOWHERE)
"""Stands for a key that was refused: its value is read for problems, and then left out."""

_MERGE: Final = Entry(key="<<", line=0, column=0, value=_NOWHERE)


class MapFrame(Frame, kw_only=True):
    """An open mapping; `data` and `entries` are those of its node."""

    data: dict[str | int, object]
    entries: dict[str, Entry]
    pending: Entry | None = None
    """The key whose value comes next; None where a key comes next."""
    merged: Node | None = None
    """What `<<` names."""
    merge_line: int = 0

    def take(self, node: Node, problems: Problems) -> None:
        """Add the next node: a key, or the value of the pending key."""
        entry = self.pending
        if entry is None:
            self.pending = self._key(node, problems)
            return
        self.pending = None
        if entry is _MERGE:
            self.merged = _mergeable(node, problems)
        elif entry is not _DROPPED:
            entry.value = node
            self.entries[str(entry.key)] = entry
            self.data[entry.key] = node.data

    def drop_key(self) -> None:
        """Leave out the next value, because its key was refused elsewhere."""
        self.pending = _DROPPED

    def take_merge_key(self, line: int, column: int, problems: Problems) -> None:
        """Note that the next value is what `<<` merges."""
        if self.merge_line:
            _report_double("<<", self.merge_line, line, column, problems)
            self.pending = _DROPPED
        else:
            self.merge_line = line
            self.pending = _MERGE

    def merge(self) -> int:
        """Add the entries that `<<` names, once all own ones are there; return how many it saw."""
        if self.merged is None:
            return 0
        seen = 0
        for source in [self.merged] if self.merged.items is None else self.merged.items:
            for part, entry in (source.entries or {}).items():
                seen += 1
                if part not in self.entries:
                    self.entries[part] = entry
                    self.data[entry.key] = entry.value.data
        return seen

    def _key(self, node: Node, problems: Problems) -> Entry:
        key = node.data
        if isinstance(key, bool) or not isinstance(key, str | int):
            _report_bad_key(node, problems)
            return _DROPPED
        first = self.entries.get(str(key))
        if first is not None:
            _report_double(str(key), first.line, node.line, node.column, problems)
            return _DROPPED
        return Entry(key=key, line=node.line, column=node.column, value=_NOWHERE)


def open_mapping(line: int, column: int, anchor: str | None) -> MapFrame:
    """Return the frame of an empty mapping."""
    data: dict[str | int, object] = {}
    entries: dict[str, Entry] = {}
    node = Node(line, column, data, entries=entries)
    return MapFrame(node=node, anchor=anchor, data=data, entries=entries)


def _mergeable(node: Node, problems: Problems) -> Node | None:
    """Return the value of `<<` if it is a mapping or a list of mappings."""
    bad = [one for one in (node.items if node.items is not None else [node]) if one.entries is None]
    for one in bad:
        problems.add(
            "KV116",
            f"'<<' cannot merge {_kind(one)}",
            one.line,
            one.column,
            "name a mapping, such as *defaults, or a list of mappings",
        )
    return None if bad else node


def _report_bad_key(node: Node, problems: Problems) -> None:
    hint = "quote it if a text is meant"
    if node.entries is not None or node.items is not None:
        hint = "write the mapping on lines of its own, or quote a text that starts with [ or {"
    message = f"{_kind(node)} cannot be a key; keys are texts or whole numbers"
    problems.add("KV108", message, node.line, node.column, hint)


def _report_double(key: str, first: int, line: int, column: int, problems: Problems) -> None:
    hint = f"the first one is on line {first}; keep one of them"
    problems.add("KV107", f"the key {shown(key)} stands twice in one mapping", line, column, hint)


def _kind(node: Node) -> str:
    if node.entries is not None:
        return "a mapping"
    if node.items is not None:
        return "a list"
    if isinstance(node.data, str):
        return f"the text {shown(node.data)!r}"
    words = {None: "null", True: "true", False: "false"}
    if node.data is None or isinstance(node.data, bool):
        return words[node.data]
    return f"the number {node.data}"
