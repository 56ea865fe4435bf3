"""Where everything of a picture stands, in pixels: boxes within boxes, wrapped like words.

A core is a column of its thread siblings (two columns from five siblings on), a cache's cores fill
rows of equal length, and boxes of one level stand side by side as far as the page is wide.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.report.picture.model import Box, Core, Cpu, Picture

PAGE, WIDE_PAGE = 1240.0, 1960.0
_MANY = 256
"""From how many CPUs on the page is wide."""
PAD = 8.0
GAP = 8.0
CORE_GAP = 5.0
CPU_HEIGHT = 20.0
TITLE = 18.0
"""Height of a box's heading."""
BAR = 26.0
"""Height of a node's memory: the bar and its words."""
_TALL = 4
"""Siblings above each other before a second column starts."""
_FIRST_SQUARE = 0x2E80
"""From CJK radicals on."""


class Spot(Struct, frozen=True, kw_only=True):
    """A rectangle on the page, and what is drawn there."""

    x: float
    y: float
    width: float
    height: float
    what: Box | Core | Cpu


class Block(Struct, frozen=True, kw_only=True):
    """Something with a size whose spots are relative to its corner."""

    width: float
    height: float
    spots: tuple[Spot, ...]

    def moved(self, x: float, y: float) -> Iterator[Spot]:
        """Yield the spots, as they stand when the corner is at (x, y)."""
        for s in self.spots:
            yield Spot(x=s.x + x, y=s.y + y, width=s.width, height=s.height, what=s.what)


def cpu_width(picture: Picture) -> float:
    """Return the width of a CPU: room for the longest number and the longest sign."""
    cpus = picture.cpus
    digits = max((len(str(cpu.id)) for cpu in cpus), default=1)
    sign = max((len(cpu.sign) for cpu in cpus), default=1)
    return 14.0 + 6.7 * max(digits, 2) + 7.4 * max(sign, 1)


def layout(picture: Picture) -> Block:
    """Return the spots of a host, outer before inner; a CPU is `cpu_width` wide."""
    width = cpu_width(picture)
    page = WIDE_PAGE if len(picture.cpus) > _MANY else PAGE
    return _flow([_box(box, page, width) for box in picture.boxes], page, GAP)


def text_width(text: str, size: float) -> float:
    """Return about how wide a text is in a sans-serif font; East Asian characters are square."""
    return size * sum(_char_width(char) for char in text)


def _char_width(char: str) -> float:
    if ord(char) >= _FIRST_SQUARE or char in "mwMW":
        return 1.0
    return 0.38 if char in " .,:;|()[]ijlft-" else 0.66


def _box(box: Box, room: float, width: float) -> Block:
    """Lay out a box in a room's width."""
    top = PAD + (TITLE if box.label else 0) + (BAR if box.memory else 0)
    inside = room - 2 * PAD
    inner = _cores(box.cores, inside, width) if box.cores else None
    if inner is None:
        inner = _flow([_box(b, inside, width) for b in box.boxes], inside, GAP)
    wide = max(inner.width, _words(box)) + 2 * PAD
    high = top + inner.height + (PAD if inner.height else 2)
    frame = Spot(x=0, y=0, width=wide, height=high, what=box)
    return Block(width=wide, height=high, spots=(frame, *inner.moved(PAD, top)))


def _words(box: Box) -> float:
    memory = text_width(box.memory.text, 11) if box.memory else 0
    return max(text_width(box.label, 12), memory)


def _cores(cores: Sequence[Core], room: float, width: float) -> Block:
    return _flow([_core(core, width) for core in cores], room, CORE_GAP)


def _core(core: Core, width: float) -> Block:
    columns = ceil(len(core.cpus) / _TALL)
    rows = ceil(len(core.cpus) / columns)
    spots = [
        Spot(
            x=2 + width * (i // rows),
            y=2 + CPU_HEIGHT * (i % rows),
            width=width,
            height=CPU_HEIGHT,
            what=cpu,
        )
        for i, cpu in enumerate(core.cpus)
    ]
    wide, high = 4 + width * columns, 4 + CPU_HEIGHT * rows
    frame = Spot(x=0, y=0, width=wide, height=high, what=core)
    return Block(width=wide, height=high, spots=(frame, *spots))


def _flow(blocks: Sequence[Block], room: float, gap: float) -> Block:
    """Set blocks side by side, and start a new row where one does not fit."""
    room = _even(blocks, room, gap)
    x = y = row = widest = 0.0
    spots: list[Spot] = []
    for block in blocks:
        if x and x + block.width > room + 0.01:
            x, y, row = 0.0, y + row + gap, 0.0
        spots += block.moved(x, y)
        widest, row = max(widest, x + block.width), max(row, block.height)
        x += block.width + gap
    return Block(width=widest, height=y + row, spots=tuple(spots))


def _even(blocks: Sequence[Block], room: float, gap: float) -> float:
    """Return the width at which blocks of one size fill rows of equal length: 8 as 4 + 4."""
    widths = {block.width for block in blocks}
    if len(widths) != 1:
        return room
    step = widths.pop() + gap
    fit = max(1, int((room + gap) // step))
    return ceil(len(blocks) / ceil(len(blocks) / fit)) * step - gap
