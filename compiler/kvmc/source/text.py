"""Bytes to text: the size bound, UTF-8, and no character that a reader could not see.

YAML 1.1 (which PyYAML reads) takes U+0085, U+2028 and U+2029 for line breaks and YAML 1.2 does not,
so they are refused like control characters: then everyone counts the same lines.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from kvmc.diagnostics import Outcome

if TYPE_CHECKING:
    from kvmc.source.problems import Problems

MAX_BYTES: Final = 4 * 1024 * 1024

_BREAK = re.compile(r"\r\n|\r|\n")
_REFUSED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
)
_NAMES = {
    0x00: "NUL",
    0x1B: "ESC",
    0x7F: "DEL",
    0x85: "next line",
    0x2028: "line separator",
    0x2029: "paragraph separator",
    0xFEFF: "byte order mark",
}
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


def decode(raw: bytes, file: str) -> Outcome[str]:
    """Return the text of a file without its byte order mark, or why it is refused."""
    if len(raw) <= MAX_BYTES and not _looks_like_utf16(raw):
        with suppress(UnicodeDecodeError):
            text = raw.decode("utf-8").removeprefix("\ufeff")
            if not _REFUSED.search(text):
                return Outcome(text)
    from kvmc.source.problems import Problems

    problems = Problems(file)
    _report(raw, problems)
    return Outcome(None, tuple(problems.found))


def text_lines(raw: bytes) -> tuple[str, ...]:
    """Return the lines of any bytes, for showing; never fails.

    What is no UTF-8 and what would move a terminal's cursor becomes U+FFFD, one for one, so that
    columns still count characters. Tabs stay.
    """
    return lines_of(_REFUSED.sub("\ufffd", raw.decode("utf-8", "replace").removeprefix("\ufeff")))


@lru_cache(maxsize=8)
def lines_of(text: str) -> tuple[str, ...]:
    """Split a text at the line breaks of YAML 1.2: LF, CR LF and CR."""
    return tuple(_BREAK.split(text))


def control_name(text: str) -> str | None:
    """Return how to call the first refused character of a text, such as `U+0000 (NUL)`."""
    match = _REFUSED.search(text)
    if match is None:
        return None
    point = ord(match[0])
    name = _NAMES.get(point)
    return f"U+{point:04X} ({name})" if name else f"U+{point:04X}"


def _report(raw: bytes, problems: Problems) -> None:
    """Say what is wrong with bytes that cannot be read."""
    if len(raw) > MAX_BYTES:
        message = f"the file has {len(raw)} bytes, more than {MAX_BYTES} (4 MiB)"
        problems.add("KV101", message, 1, 1, "split it into several files")
        return
    if _looks_like_utf16(raw):
        problems.add("KV102", "the file is UTF-16 or UTF-32", 1, 1, "save it as UTF-8")
        return
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as bad:
        before = lines_of(raw[: bad.start].decode("utf-8").removeprefix("\ufeff"))
        message = f"byte 0x{raw[bad.start]:02X} is not UTF-8"
        problems.add("KV102", message, len(before), len(before[-1]) + 1, "save the file as UTF-8")
        return
    _report_controls(text, problems)


def _looks_like_utf16(raw: bytes) -> bool:
    """Tell by the byte order mark, or else by the zeros beside ASCII (YAML 1.2, 5.2)."""
    zeros = tuple(byte == 0 for byte in raw[:4])
    patterns = ((False, True, False, True), (True, False, True, False))
    wide = ((True, True, True, False), (False, True, True, True))
    return raw.startswith(_UTF16_BOMS) or zeros in patterns or zeros in wide


def _report_controls(text: str, problems: Problems) -> None:
    """Report the first refused character of each line; a line of noise is one problem."""
    for number, line in enumerate(lines_of(text), start=1):
        match = _REFUSED.search(line)
        if match is not None:
            message = f"the character {control_name(match[0])} is not allowed"
            problems.add("KV103", message, number, match.start() + 1, "remove it")
        if problems.stopped:
            return
