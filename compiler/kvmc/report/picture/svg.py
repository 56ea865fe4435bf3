"""A picture as SVG: plain shapes and texts that browsers, rsvg and print shops draw alike.

No scripts, no links, no fonts of its own; colours stand in a style sheet, patterns in <defs>. It is
light on purpose: a file that follows the viewer's theme cannot be put into a document.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from kvmc.report.picture.layout import (
    BAR,
    CPU_HEIGHT,
    PAD,
    TITLE,
    cpu_width,
    layout,
    text_width,
)
from kvmc.report.picture.markup import Markup, element, join
from kvmc.report.picture.model import Box, Core, Cpu
from kvmc.report.picture.palette import LOOKS
from kvmc.report.picture.sheet import vm_class, vm_looks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.report.picture.layout import Block, Spot
    from kvmc.report.picture.model import Entry, Memory, Picture, Table
    from kvmc.report.picture.palette import Look

MARGIN = 20.0
_NARROWEST = 720.0
"""Room for headings and totals where the host is small."""
_NAME = 34
"""How many characters of a VM's name the legend shows; the whole is in its <title>."""
_LINE = 18.0
_LETTER = 7.3
"""Pixels that most letters take; blanks and narrow ones take less."""

_STYLE = """
text{font:11px "DejaVu Sans",Verdana,sans-serif;fill:#1a1a1a}
.name{font-size:17px;font-weight:bold}.about{fill:#444}.bad{fill:#a30000}
.n,.s{font:11px "DejaVu Sans Mono",Menlo,Consolas,monospace}.s{font-weight:bold;text-anchor:end}
.t0{font-weight:bold;font-size:12px}.t1{font-weight:bold}.t2{fill:#444}.head{font-weight:bold}
.package{fill:#f4f4f4;stroke:#555;stroke-width:1.2}.node{fill:#fff;stroke:#777}
.cache{fill:#f4f4f4;stroke:#bbb}.core{fill:none;stroke:#777}
.bar{fill:#fff;stroke:#777}.iso{fill:#000;stroke:#fff;stroke-width:.8}
.r{text-anchor:end}
"""


def to_svg(pictures: Sequence[Picture]) -> str:
    """Return one SVG document with the hosts below each other."""
    parts: list[Markup] = []
    y = MARGIN
    wide = _NARROWEST
    for picture in pictures:
        block = layout(picture)
        wide = max(wide, block.width)
        drawn, y = _host(picture, block, y)
        parts += drawn
        y += 2 * MARGIN
    width, height = wide + 2 * MARGIN, y - MARGIN
    return join([*_head(pictures, width, height), *parts, Markup("</svg>")]) + "\n"


def _head(pictures: Sequence[Picture], width: float, height: float) -> Iterator[Markup]:
    """Yield what stands before the hosts: the page, its name, styles and patterns."""
    looks = [*LOOKS.items(), *vm_looks(pictures).items()]
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    yield Markup(f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}>')
    names = ", ".join(picture.name for picture in pictures)
    yield element("title", {}, f"CPU map of {names}")
    yield element("style", {}, Markup(_STYLE + "".join(_rules(n, look) for n, look in looks)))
    yield element("defs", {}, *(_pattern(n, look) for n, look in looks if look.pattern))
    yield element("rect", {"width": "100%", "height": "100%", "fill": "#fff"})


def _rules(name: str, look: Look) -> str:
    fill = f"url(#p-{name})" if look.pattern else look.fill
    dash = f";stroke-dasharray:{look.dash}" if look.dash else ""
    return f".{name}{{fill:{fill};stroke:{look.edge}{dash}}}.i-{name}{{fill:{look.ink}}}\n"


def _pattern(name: str, look: Look) -> Markup:
    """Return a pattern of 6 x 6 pixels with the look's fill behind its lines."""
    lines = {
        "rising": "M-1,1 1,-1 M0,6 6,0 M5,7 7,5",
        "falling": "M-1,5 1,7 M0,0 6,6 M5,-1 7,1",
        "grid": "M0,3 6,3 M3,0 3,6",
        "level": "M0,1.5 6,1.5 M0,4.5 6,4.5",
    }
    grain: dict[str, str | float | None] = {"stroke": look.grain, "stroke-width": 1.4}
    shape = (
        element("circle", {"cx": 3, "cy": 3, "r": 1.2, "fill": look.grain})
        if look.pattern == "dots"
        else element("path", {"d": lines[look.pattern], "fill": "none", **grain})
    )
    size: dict[str, str | float | None] = {"width": 6, "height": 6}
    return element(
        "pattern",
        {"id": f"p-{name}", "patternUnits": "userSpaceOnUse", **size},
        element("rect", {**size, "fill": look.fill}),
        shape,
    )


def _host(picture: Picture, block: Block, y: float) -> tuple[list[Markup], float]:
    """Return a host's shapes, and where they end."""
    parts = [
        _text(MARGIN, y + 14, picture.name, "name"),
        _text(MARGIN, y + 33, picture.about, "about"),
    ]
    y += 46
    room = max(block.width, _NARROWEST)
    drawn, y = _legend(picture.legend, room, y)
    parts += drawn
    parts += [_spot(spot, y) for spot in block.spots]
    y += block.height + MARGIN
    for draw in (_offline, _totals, _unplaced):
        drawn, y = draw(picture, room, y)
        parts += drawn
    return parts, y


def _text(x: float, y: float, text: str, kind: str = "") -> Markup:
    return element("text", {"x": x, "y": y, "class": kind or None}, text)


def _spot(spot: Spot, top: float) -> Markup:
    x, y = spot.x + MARGIN, spot.y + top
    if isinstance(spot.what, Cpu):
        return _cpu(spot.what, x, y, spot.width)
    kind = "core" if isinstance(spot.what, Core) else spot.what.level
    frame = _rect(x, y, spot.width, spot.height, kind, 3 if kind == "core" else 5)
    if isinstance(spot.what, Core):
        return frame
    if not spot.what.named:
        return Markup()
    return element("g", {}, frame, *_headings(spot.what, x, y, spot.width))


def _rect(  # noqa: PLR0913 (a rectangle has four numbers)
    x: float, y: float, width: float, height: float, kind: str, radius: float = 0
) -> Markup:
    size: dict[str, str | float | None] = {"x": x, "y": y, "width": width, "height": height}
    return element("rect", {**size, "rx": radius or None, "class": kind})


def _headings(box: Box, x: float, y: float, width: float) -> Iterator[Markup]:
    """Yield a box's label, and a node's memory below it."""
    level = ("package", "node", "cache").index(box.level)
    if box.label:
        yield _text(x + PAD, y + PAD + 9, box.label, f"t{level}")
    if box.memory:
        top = y + PAD + (TITLE if box.label else 0)
        yield from _memory(box.memory, x + PAD, top, width - 2 * PAD)


def _memory(memory: Memory, x: float, y: float, width: float) -> Iterator[Markup]:
    """Yield the words, and a bar whose parts are the VMs' shares."""
    yield _text(x, y + 8, memory.text, "t2")
    total = max(memory.total_kib or 0, memory.bound_kib)
    if not total:
        return
    yield _rect(x, y + 13, width, BAR - 19, "bar")
    for share in memory.shares:
        part = width * share.kib / total
        yield _rect(x, y + 13, part, BAR - 19, vm_class(share.tenant))
        x += part


def _cpu(cpu: Cpu, x: float, y: float, width: float) -> Markup:
    kind = cpu.look if cpu.tenant is None else vm_class(cpu.tenant)
    corner = f"M{x + 0.5:.1f},{y + 0.5:.1f} h6 l-6,6 z"
    return element(
        "g",
        {},
        element("title", {}, "\n".join(cpu.why)),
        _rect(x + 0.5, y + 0.5, width - 1, CPU_HEIGHT - 1, kind),
        *([element("path", {"d": corner, "class": "iso"})] if cpu.isolated else []),
        _text(x + 7, y + 14, str(cpu.id), f"n i-{kind}"),
        _text(x + width - 4, y + 14, cpu.sign, f"s i-{kind}"),
    )


def _legend(entries: Sequence[Entry], width: float, y: float) -> tuple[list[Markup], float]:
    """Return the legend, wrapped at a width."""
    parts: list[Markup] = []
    x = MARGIN
    for entry in entries:
        long = len(entry.text) > _NAME + 8
        text = f"{entry.text[:_NAME]}… {entry.text.rsplit(' ', 1)[1]}" if long else entry.text
        room = 24 + 8 + text_width(text, 11) + 18
        if x > MARGIN and x + room > MARGIN + width + 18:
            x, y = MARGIN, y + 24
        parts.append(_entry(entry, text, x, y))
        x += room
    return parts, y + 32


def _entry(entry: Entry, text: str, x: float, y: float) -> Markup:
    kind = entry.look if entry.tenant is None else vm_class(entry.tenant)
    if entry.look == "isolated":
        swatch = [
            _rect(x + 0.5, y - 0.5, 23, 17, "free"),
            element("path", {"d": f"M{x + 0.5:.1f},{y - 0.5:.1f} h7 l-7,7 z", "class": "iso"}),
        ]
    else:
        swatch = [
            _rect(x + 0.5, y - 0.5, 23, 17, kind),
            element(
                "text",
                {"x": x + 12, "y": y + 12, "class": f"s i-{kind}", "style": "text-anchor:middle"},
                entry.sign,
            ),
        ]
    words = _text(x + 31, y + 12, text)
    return element("g", {}, element("title", {}, entry.text), *swatch, words)


def _offline(picture: Picture, room: float, y: float) -> tuple[list[Markup], float]:
    if not picture.offline:
        return [], y
    width = cpu_width(picture)
    fit = max(1, int(room // (width + 2)))
    parts = [_text(MARGIN, y + 6, "offline", "t1")]
    for number, cpu in enumerate(picture.offline):
        row, column = divmod(number, fit)
        parts.append(_cpu(cpu, MARGIN + column * (width + 2), y + 14 + row * 22, width))
    return parts, y + 14 + 22 * -(-len(picture.offline) // fit) + MARGIN


def _totals(picture: Picture, _room: float, y: float) -> tuple[list[Markup], float]:
    table = picture.totals
    parts: list[Markup] = []
    ends = _column_ends(table)
    for number, row in enumerate((table.head, *table.rows)):
        kind = "r head" if number == 0 or row[0] == "all" else "r"
        line = y + 8 + number * _LINE
        parts += [_text(end, line, cell, kind) for end, cell in zip(ends, row, strict=True)]
    return parts, y + 8 + _LINE * (len(table.rows) + 1)


def _column_ends(table: Table) -> list[float]:
    """Return where each column ends, in pixels: numbers are set to the right."""
    ends, x = [], MARGIN
    for column in range(len(table.head)):
        x += max(text_width(row[column], 12) for row in (table.head, *table.rows)) + 14
        ends.append(x)
    return ends


def _unplaced(picture: Picture, room: float, y: float) -> tuple[list[Markup], float]:
    """Return who got no place, and why, wrapped at a width."""
    parts = []
    for sentence in picture.unplaced:
        most = int(room / _LETTER)
        for line in wrap(f"not placed: {sentence}", most, break_on_hyphens=False):
            parts.append(_text(MARGIN, y + 8, line, "bad"))
            y += _LINE
    return parts, y
