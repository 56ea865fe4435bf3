"""Aligned columns for a terminal."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.report.style import Style

_GAP = "  "


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    style: Style,
    room: int | None = None,
    *,
    keep_empty: bool = False,
) -> list[str]:
    """Return aligned lines, two spaces between columns; there must be a row.

    Columns that are empty in every row are left out, unless `keep_empty` says that this tells too.

    Where they are wider than `room` the widest columns are folded, at blanks and behind commas, as
    far as their words allow; None folds nothing, for what is not read by people.
    """
    used = [i for i in range(len(head)) if keep_empty or any(row[i] for row in rows)]
    columns = [[head[i], *(row[i] for row in rows)] for i in used]
    widths = [max(map(len, column)) for column in columns]
    if room is not None:
        widths = _narrowed(widths, [_least(column) for column in columns], room)
    lines = [line for cells in zip(*columns, strict=True) for line in _lines(cells, widths)]
    return [style.paint(lines[0], "1"), *lines[1:]]


def _least(column: Sequence[str]) -> int:
    """Return the width of the column's head, which is not folded, or of its longest word."""
    return max(len(column[0]), *(len(word.rstrip()) for cell in column for word in _words(cell)))


def _narrowed(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Return the widths, the widest made narrower one by one until all fit or no word does."""
    found = list(widths)
    while sum(found) + len(_GAP) * (len(found) - 1) > room:
        wide = [i for i, width in enumerate(found) if width > least[i]]
        if not wide:
            break
        found[max(wide, key=lambda i: found[i])] -= 1
    return found


def _lines(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    folded = [list(_folded(cell, width)) for cell, width in zip(cells, widths, strict=True)]
    return [
        _GAP.join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()
        for parts in zip_longest(*folded, fillvalue="")
    ]


def _folded(cell: str, width: int) -> Iterator[str]:
    if len(cell) <= width:
        yield cell
        return
    line = ""
    for word in _words(cell):
        if line and len((line + word).rstrip()) > width:
            yield line.rstrip()
            line = ""
        line += word
    yield line.rstrip()


def _words(cell: str) -> Iterator[str]:
    """Yield the parts of a text that stay whole, each with the blank or comma that ends it."""
    start = 0
    for end, sign in enumerate(cell, 1):
        if sign in " ,":
            yield cell[start:end]
            start = end
    if start < len(cell):
        yield cell[start:]
