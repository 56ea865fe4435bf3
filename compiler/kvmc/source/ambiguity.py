"""Hints for strings that look like a number, bool or date to some YAML reader."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from kvmc.source.scalars import MAX_DIGITS, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

_TRUE = ("yes", "on", "y")
_FALSE = ("no", "off", "n")


def ambiguity(text: str) -> str | None:
    """Return a hint for a string where a number or bool was wanted: `010`, `1:30`, `yes`.

    It says who reads the text how, and what to write: quotes would leave it the string it is. None
    where every YAML reader takes the text for a string.
    """
    if not isinstance(resolve(text), str):
        return None
    if len(text) > MAX_DIGITS:
        return _too_long(text)
    word = text.lower()
    if word in _TRUE or word in _FALSE:
        value = "true" if word in _TRUE else "false"
        return f"YAML 1.1 reads {text} as {value}; write {value}"
    for pattern, explain in _RULES:
        if pattern.fullmatch(text):
            return explain(text)
    return None


def _too_long(text: str) -> str | None:
    if not re.fullmatch(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|0x[0-9a-fA-F]+)", text):
        return None
    return f"a number of {len(text)} digits is not read; no value in kvmc has over {MAX_DIGITS}"


def _octal(text: str) -> str:
    digits = text.replace("_", "")
    old, new = int(digits, 8), int(digits)
    if old == new:
        return f"YAML 1.1 reads {text} as octal; write {new}"
    return f"YAML 1.1 reads {text} as {old}; write {old} or {new}"


def _sexagesimal(text: str) -> str:
    digits = text.replace("_", "").lstrip("+-")
    total: float = 0
    for part in digits.split(":"):
        total = total * 60 + (float(part) if "." in part else int(part))
    return _reads("1.1", text, -total if text[0] == "-" else total)


def _old_int(base: int) -> Callable[[str], str]:
    return lambda text: _reads("1.1", text, int(text.replace("_", ""), base))


def _new_int(base: int) -> Callable[[str], str]:
    return lambda text: _reads("1.2", text, int(text, base))


def _old_float(text: str) -> str:
    return _reads("1.1", text, float(text.replace("_", "")))


def _new_float(text: str) -> str:
    return _reads("1.2", text, float(text))


def _infinite(text: str) -> str:
    return f"YAML reads {text} as a number that is not finite; write a finite number"


def _date(text: str) -> str:
    return f"YAML 1.1 reads {text} as a date"


def _reads(version: str, text: str, value: float) -> str:
    if not math.isfinite(value):
        return f"{text} is too large for a number; write a smaller one"
    return f"YAML {version} reads {text} as {value}; write {value}"


_RULES: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = tuple(
    (re.compile(pattern), explain)
    for pattern, explain in (
        (r"[-+]?0[0-7_]+", _octal),
        (r"[-+]?0[0-9]+", _new_int(10)),
        (r"0o[0-7]+", _new_int(8)),
        (r"[-+]?0b_*[01][01_]*", _old_int(2)),
        (r"[-+]?0x_*[0-9a-fA-F][0-9a-fA-F_]*", _old_int(16)),
        (r"[-+]?[1-9][0-9_]*", _old_int(10)),
        (r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", _sexagesimal),
        (r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", _new_float),
        (r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?", _old_float),
        (r"\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?", _old_float),
        (r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", _infinite),
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", _date),
        (r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}.*", _date),
    )
)
