"""Sizes with units, as strings: `32GiB` to KiB and back.

Units follow libvirt's <memory unit=>: KiB..TiB are powers of 1024, KB..TB powers of 1000.
"""

from __future__ import annotations

import re

_FACTORS = {
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
}
UNITS = tuple(_FACTORS)
SIZE_PATTERN = r"^(0|[1-9][0-9]{0,14})(KiB|MiB|GiB|TiB|KB|MB|GB|TB)$"
_SIZE = re.compile(SIZE_PATTERN)


class SizeError(ValueError):
    """The text is no size; str() says why, in words for a user."""


def parse_kib(text: str) -> int:
    """Return a size in KiB, rounded up as libvirt rounds it; raises SizeError."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise SizeError(f"{text!r} is no size; write a whole number and a unit, e.g. 32GiB")
    return -(-int(match[1]) * _FACTORS[match[2]] // 1024)


def format_kib(kib: int) -> str:
    """Return the shortest exact binary form of a number of KiB: 33554432 is `32GiB`."""
    for unit in ("TiB", "GiB", "MiB"):
        factor = _FACTORS[unit] // 1024
        if kib and kib % factor == 0:
            return f"{kib // factor}{unit}"
    return f"{kib}KiB"


def rounded_kib(kib: int) -> str:
    """Return a size for reading: as `format_kib` where it is whole GiB, else to a tenth of one.

    MemTotal is hardly ever a round number. Below 1 GiB it is rounded to MiB, below that not at all.
    """
    gib, mib = kib / 1024**2, kib / 1024
    if gib == int(gib) or mib < 1:
        return format_kib(kib)
    return f"{gib:.1f}GiB" if gib >= 1 else f"{mib:.0f}MiB"
