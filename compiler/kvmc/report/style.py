"""Colours and escapes: what may reach a terminal."""

from __future__ import annotations

from msgspec import Struct


class Style(Struct, frozen=True):
    """Whether to write ANSI colours."""

    colour: bool = False

    def paint(self, text: str, sgr: str) -> str:
        """Wrap the text in an SGR sequence, or return it as it is."""
        return f"\x1b[{sgr}m{text}\x1b[0m" if self.colour and text and sgr else text


def printable(text: str) -> str:
    """Return the text with every control character escaped: input never steers a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
