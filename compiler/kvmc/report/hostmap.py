"""The host as a small map for a terminal: a column a core, its thread siblings below each other.

socket 0, node 0 (64GiB)
L3 0                        L3 1
0 r   1 .   2 .            6 A   9 A
28 r  29 .  30 .           34 A  37 A
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.report.marks import Mark, Use, letters_of, marks_of
from kvmc.report.style import printable
from kvmc.units import rounded_kib
from kvmc.words import many

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kvmc.host.model import Core, Host
    from kvmc.planner.model import HostPlan
    from kvmc.report.style import Style

_SIGNS = {
    Use.RESERVED: "r",
    Use.SHARED: "s",
    Use.POOL: "p",
    Use.EXCLUDED: "-",
    Use.FLOATING: "f",
    Use.STRANDED: "~",
    Use.FREE: ".",
}
_PALE = "2"
_VM_COLOURS = ("1;34", "1;33", "1;36", "1;35", "1;32", "1;31")
"""Told apart by letter too, so nobody depends on seeing the colour."""


def draw(host: Host, plan: HostPlan | None, style: Style, width: int) -> str:
    """Return the map, at most `width` columns wide, with a legend of the signs it uses."""
    marks, letters = marks_of(host, plan), letters_of(plan)
    pen = _Pen(
        marks=marks,
        letters=letters,
        colours={name: _VM_COLOURS[n % len(_VM_COLOURS)] for n, name in enumerate(letters)},
        digits=len(str(max(host.online, default=0))),
        sign=max([1, *(len(letter) for letter in letters.values())]),
        style=style,
    )
    lines = [style.paint(_title(host), "1")]
    for heading, blocks in _groups(host).items():
        lines.append(heading)
        drawn = [
            pen.block(label if number == 0 or not label else f"{label}, continued", part, step)
            for label, cores in blocks.items()
            for number, (part, step) in enumerate(_parts(cores, pen.step, width))
        ]
        lines += _side_by_side(drawn, width)
    lines += _legend(host, pen, width)
    return "\n".join(lines) + "\n"


class _Pen(Struct, frozen=True, kw_only=True):
    """How CPUs are drawn: their marks, the letters and colours of VMs, and how wide a cell is."""

    marks: Mapping[int, Mark]
    letters: Mapping[str, str]
    colours: Mapping[str, str]
    digits: int
    sign: int
    """Width of a sign."""
    style: Style

    @property
    def step(self) -> int:
        """Width of a cell with the space before it."""
        return 2 + self.digits + 1 + self.sign

    def block(self, label: str, cores: Sequence[Core], width: int) -> _Block:
        """Return a cache's cores: the label, then a row for each thread sibling."""
        rows = [] if not label else [(label, len(label))]
        for thread in range(max(len(core.cpus) for core in cores)):
            cells = [self._cell(core, thread) for core in cores]
            rows.append(("".join(cells), self.step * len(cores)))
        return _Block(rows=tuple(rows), width=max(width, len(label)))

    def _cell(self, core: Core, thread: int) -> str:
        if thread >= len(core.cpus):
            return " " * self.step
        cpu = core.cpus[thread]
        mark = self.marks[cpu]
        sign = self.letters.get(mark.owner, "?") if mark.use is Use.VM else _SIGNS[mark.use]
        text = f"{cpu:>{self.digits}} {sign:<{self.sign}}"
        return "  " + self.style.paint(text, self._colour(mark))

    def _colour(self, mark: Mark) -> str:
        if mark.use is Use.VM:
            return self.colours[mark.owner]
        return "" if mark.use is Use.FREE else _PALE


class _Block(Struct, frozen=True, kw_only=True):
    """Lines as (text with colours, columns they take), and the block's width in columns."""

    rows: tuple[tuple[str, int], ...]
    width: int


def _parts(cores: Sequence[Core], step: int, width: int) -> Iterator[tuple[Sequence[Core], int]]:
    """Yield a cache's cores in equal pieces that fit the width, and each piece's width."""
    pieces = -(-len(cores) // max(1, width // step))
    across = -(-len(cores) // pieces)
    for start in range(0, len(cores), across):
        part = cores[start : start + across]
        yield part, step * len(part)


def _side_by_side(blocks: Sequence[_Block], width: int) -> list[str]:
    """Return the blocks' lines, as many blocks in a row as fit."""
    lines: list[str] = []
    row: list[_Block] = []
    for block in blocks:
        if row and sum(b.width + 3 for b in row) + block.width > width:
            lines += _join(row)
            row = []
        row.append(block)
    return lines + (_join(row) if row else [])


def _join(row: Sequence[_Block]) -> list[str]:
    lines = []
    for number in range(max(len(block.rows) for block in row)):
        text = ""
        for block in row:
            part, columns = block.rows[number] if number < len(block.rows) else ("", 0)
            text += part + " " * (block.width + 3 - columns)
        lines.append(text.rstrip())
    return lines


def _title(host: Host) -> str:
    parts = [printable(host.name)]
    if host.model:
        parts.append(printable(host.model))
    parts.append(f"{many(len(host.cores), 'core')}, {many(len(host.online), 'CPU')}")
    return " · ".join(parts)


def _groups(host: Host) -> dict[str, dict[str, list[Core]]]:
    """Return heading (socket, node) -> label (cache, kind) -> cores."""
    memory = {node.id: node.memory_kib for node in host.nodes}
    many_kinds = len({core.kind for core in host.cores}) > 1
    found: dict[str, dict[str, list[Core]]] = {}
    for core in sorted(host.cores, key=_order):
        place, cache = [], []
        if core.package is not None:
            place.append(f"socket {core.package}")
        if core.node is not None:
            size = memory.get(core.node)
            place.append(f"node {core.node}" + (f" ({rounded_kib(size)})" if size else ""))
        if core.l3 is not None:
            cache.append(f"L3 {core.l3}")
        if many_kinds and core.kind:
            cache.append(f"{core.kind} cores")
        heading = ", ".join(place) or "cores"
        found.setdefault(heading, {}).setdefault(", ".join(cache), []).append(core)
    return found


def _order(core: Core) -> tuple[int, ...]:
    known = (core.package, core.node, core.l3)
    return (*(1 << 30 if fact is None else fact for fact in known), core.cpus[0])


def _legend(host: Host, pen: _Pen, width: int) -> list[str]:
    """Return the signs in use with their words and counts, wrapped; then what is not drawn."""
    entries: list[tuple[str, str, str]] = []
    owned = Counter(m.owner for m in pen.marks.values() if m.use is Use.VM)
    for name, letter in pen.letters.items():
        if owned[name]:
            entries.append((letter, f"{printable(name)} ({owned[name]})", pen.colours[name]))
    for use, sign in _SIGNS.items():
        owners = sorted({m.owner for m in pen.marks.values() if m.use is use and m.owner})
        count = sum(m.use is use for m in pen.marks.values())
        if count:
            of = f" {', '.join(map(printable, owners))}" if owners else ""
            entries.append((sign, f"{use}{of} ({count})", ""))
    lines = _wrap(entries, pen.style, width)
    if host.isolated:
        lines.append(f"isolated at boot: {host.isolated}")
    if host.offline:
        lines.append(f"offline: {host.offline}")
    return lines


def _wrap(entries: Sequence[tuple[str, str, str]], style: Style, width: int) -> list[str]:
    """Return (sign, words, colour) entries, as many in a line as fit."""
    lines, used = [""], 0
    for sign, words, colour in entries:
        columns = len(sign) + 1 + len(words)
        if used and used + 3 + columns > width:
            lines.append("")
            used = 0
        lines[-1] += ("   " if used else "") + f"{style.paint(sign, colour)} {words}"
        used += (3 if used else 0) + columns
    return lines
