"""What the plain reader takes: one-line scalars, keys, and flow collections of these."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from kvmc.source.scalars import Scalar, resolve

_FIRST, _REST = "A-Za-z0-9_/.~^(", "-A-Za-z0-9_/.~^()@%+="
"""Characters that are only themselves to YAML, at the start of a plain scalar and later."""

KEY: Final = r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,99}+"
"""Far below the 1,024 characters beyond which YAML takes nothing for a key."""

QUOTED: Final = r""""[^"\\\n]*+"|'[^'\n]*+'"""
PLAIN: Final = rf"[{_FIRST}][{_REST},]*+(?:(?: ++|:)[{_REST},]++)*+"
_PLAIN_IN_FLOW = rf"[{_FIRST}][{_REST}]*+(?: ++[{_REST}]++)*+"

_ENTRY = re.compile(
    rf"[ \n]*+(?:({KEY}): ++)?(?:([\[{{])|({_PLAIN_IN_FLOW}|{QUOTED})[ \n]*+([,\]}}]))"
)
_CLOSING = re.compile(r"[ \n]*([\]}])")
_NEXT = re.compile(r"[ \n]*([,\]}])")

MAX_LEVELS: Final = 30
"""Of lines, and as many of brackets within: together fewer than `compose` takes."""

Mapping = dict[str | int, Any]


_meaning = lru_cache(maxsize=4096)(resolve)
"""A repository says the same few words again and again."""


class NotPlainError(Exception):
    """Ends the plain reading; never leaves it."""


def scalar_of(raw: str) -> Scalar:
    """Return what a PLAIN or QUOTED scalar means."""
    return raw[1:-1] if raw[0] in "\"'" else _meaning(raw)


def key_of(raw: str, mapping: Mapping) -> str | int:
    """Return what a KEY means; it must be new to the mapping."""
    key = _meaning(raw)
    if (type(key) is not str and type(key) is not int) or key in mapping:
        raise NotPlainError
    return key


def read_flow(text: str, start: int, level: int = 0) -> tuple[Mapping | list[Any], int]:
    """Read the flow collection that starts there, and return it with the position after it."""
    is_list = text[start] == "["
    into: Any = [] if is_list else {}
    empty = _CLOSING.match(text, start + 1)
    value: Any
    sign, position = (empty[1], empty.end()) if empty else (",", start + 1)
    while sign == ",":
        entry = _ENTRY.match(text, position)
        if entry is None or (entry[1] is None) is not is_list or level > MAX_LEVELS:
            raise NotPlainError
        key, opening, raw, sign = entry.groups()
        position = entry.end()
        if opening:
            value, position = read_flow(text, position - 1, level + 1)
            after = _NEXT.match(text, position)
            if after is None:
                raise NotPlainError
            sign, position = after[1], after.end()
        else:
            value = scalar_of(raw)
        if is_list:
            into.append(value)
        else:
            into[key_of(key, into)] = value
    if sign != ("]" if is_list else "}"):
        raise NotPlainError
    return into, position
