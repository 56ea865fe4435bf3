"""Document: what one YAML document says, and where it says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.source.text import lines_of, text_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.diagnostics import Span
    from kvmc.source.nodes import Node

__all__ = ["Document", "text_lines"]


class Document(Struct, frozen=True, kw_only=True):
    """One document of a file: plain data, and a position for every JSON pointer into it.

    `data` is made of dict, list, str, int, float, bool and None; keys are str or int as written.
    A value used through an alias is the same object at every use, so nobody may change `data`.
    """

    file: str
    index: int
    """Position among the documents of the file, from 0; empty ones count."""
    data: object
    root: Node | None = None
    """The positions, where they are known already."""
    reread: Callable[[str], tuple[Node | None, ...]] | None = None
    """Gives the positions of all documents of the text, where nobody needed them so far."""
    text: str = ""

    def locate(self, pointer: str, *, key: bool = False) -> Span | None:
        """Return the position of the value (or key) at the pointer, or of its nearest parent.

        A collection in block style starts at its first key or dash. The value of `a: *x` stands at
        `*x`; what is inside it, and what `<<` merged, stands where the anchored text has it.
        None only for a document that was not read from text.
        """
        from kvmc.source.nodes import find

        root = self.root
        if root is None and self.reread is not None:
            root = self.reread(self.text)[self.index]
        return find(root, pointer, key=key) if root is not None else None

    def without_data(self) -> Document:
        """Return the document for its positions alone."""
        return Document(
            file=self.file,
            index=self.index,
            data=None,
            root=self.root,
            reread=self.reread,
            text=self.text,
        )

    def line(self, number: int) -> str | None:
        """Return a line of the file, counted from 1, without its end; None beyond the text."""
        lines = lines_of(self.text)
        return lines[number - 1] if 1 <= number <= len(lines) else None
