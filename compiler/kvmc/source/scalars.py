"""Plain scalars: what an unquoted text means, only where YAML 1.1 and YAML 1.2 agree.

Sources: YAML 1.2.2, 10.3.2 (core schema); YAML 1.1 types at yaml.org/type, as PyYAML has them.
Whatever only one of the two reads as a number, bool, null or date stays a string here, and the
schema stage says so where something else was wanted, with the hint of `ambiguity.ambiguity`.
"""

from __future__ import annotations

import math
import re
from typing import Final

Scalar = str | int | float | bool | None

MAX_DIGITS: Final = 40
"""Longer numbers stay strings: nothing kvmc counts is that big, and Python refuses 4301 digits."""

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_STARTS = frozenset("+-.0123456789")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
# A sign in the exponent, and a digit before the point after a sign: 1.1 wants them, 1.2 does not.
_FLOAT = re.compile(r"(?:[-+]?[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?")


def resolve(text: str) -> Scalar:
    """Return what a plain scalar means: None, a bool, an int, a float, or else the text itself.

    >>> [resolve(t) for t in ("6", "0x1F", "4.0", "true", "~", "010", "1:30", "yes", "1e3")]
    [6, 31, 4.0, True, None, '010', '1:30', 'yes', '1e3']
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _STARTS or len(text) > MAX_DIGITS:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text):
        value = float(text)
        return value if math.isfinite(value) else text
    return text
