"""Anchors: what the names of one document stand for, and how much aliases add up to in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kvmc.source.problems import shown

if TYPE_CHECKING:
    from kvmc.source.nodes import Node
    from kvmc.source.problems import Problems

MAX_EXPANDED: Final = 100_000
"""Keys and values that the aliases and merges of one file may stand for, all together."""


class Anchored(Struct, frozen=True, kw_only=True):
    """What an anchor names: a finished node, its keys and values, its levels of collections."""

    node: Node
    size: int
    height: int


class Anchors(Struct):
    """The anchors of the document being read, and the bound on their use in the whole file."""

    problems: Problems
    _expanded: int = 0
    _known: dict[str, Anchored | None] = {}
    """None while the anchored value is not finished."""

    def clear(self) -> None:
        """Forget the names, as a new document does; what was used up stays used up."""
        self._known.clear()

    def reserve(self, name: str, line: int, column: int) -> bool:
        """Note that a value with this anchor begins; False where the name is taken."""
        if name in self._known:
            message = f"the anchor &{shown(name)} is set twice"
            hint = "give each anchor of a document a name of its own"
            self.problems.add("KV115", message, line, column, hint)
            return False
        self._known[name] = None
        return True

    def set(self, name: str, anchored: Anchored) -> None:
        """Note the finished value of a reserved name."""
        self._known[name] = anchored

    def follow(self, name: str, line: int, column: int) -> Anchored | None:
        """Return what an alias stands for, and count it; None where that is nothing finished."""
        target = self._known.get(name)
        if target is None:
            self._unknown(name, line, column)
        else:
            self.spend(target.size, line, column)
        return target

    def spend(self, size: int, line: int, column: int) -> None:
        """Count keys and values that are there through an alias or a merge."""
        self._expanded += size
        if self._expanded > MAX_EXPANDED:
            message = f"the aliases of this file stand for more than {MAX_EXPANDED} values"
            self.problems.stop("KV112", message, line, column, "write the values out")

    def _unknown(self, name: str, line: int, column: int) -> None:
        label = shown(name)
        if name in self._known:
            message = f"*{label} stands inside &{label} itself"
            hint = "write the value out; data that contains itself has no end"
            self.problems.add("KV114", message, line, column, hint)
        else:
            message = f"*{label} names no anchor"
            hint = f"set &{label} earlier in the same document, or quote the value"
            self.problems.add("KV113", message, line, column, hint)
