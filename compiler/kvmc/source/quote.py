"""Text as a YAML scalar that every reader takes for the same text."""

from __future__ import annotations

import re

from kvmc.source.scalars import resolve

_PLAIN = re.compile(r"[A-Za-z0-9/.][A-Za-z0-9()@._/+=-]*(?: [A-Za-z0-9()@._/+=-]+)*")
"""Without `,` and `:`, so that it may stand in a flow mapping too."""
_BMP = 0xFFFF
"""The last character that \\u can name."""


def quote(text: str) -> str:
    """Return the text as it is where YAML 1.1 and 1.2 both read it so, else in double quotes."""
    from kvmc.source.ambiguity import ambiguity  # slow to import for those who only read

    if _PLAIN.fullmatch(text) and resolve(text) == text and ambiguity(text) is None:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\U{code:08x}" if code > _BMP else f"\\u{code:04x}"
