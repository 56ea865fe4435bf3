"""Totals of a host: a row for each node, and one for all of it where there are several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.report.marks import Use
from kvmc.report.picture.model import Table
from kvmc.units import rounded_kib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from kvmc.host.model import Core, Host
    from kvmc.report.marks import Mark
    from kvmc.report.picture.model import Memory

_COLUMNS = (
    ("dedicated", Use.VM),
    ("reserved", Use.RESERVED),
    ("shared", Use.SHARED),
    ("pools", Use.POOL),
    ("not for guests", Use.EXCLUDED),
    ("pinned to", Use.FLOATING),
    ("stranded", Use.STRANDED),
    ("free", Use.FREE),
)
_ALWAYS = ("node", "CPUs", "dedicated", "free", "free cores")


def totals_of(host: Host, marks: Mapping[int, Mark], memories: Mapping[int, Memory]) -> Table:
    """Return CPUs by use, whole free cores, and memory; columns that count nothing are left out."""
    places: list[tuple[str, int | None]] = [(str(node.id), node.id) for node in host.nodes]
    if not places or any(core.node is None for core in host.cores):
        places.append(("-", None))
    parts = [
        (
            name,
            [core for core in host.cores if core.node == node],
            [memory for memory in memories.values() if memory.node == node],
        )
        for name, node in places
    ]
    if len(parts) > 1:
        parts.append(("all", list(host.cores), list(memories.values())))
    columns = _columns(host, marks)
    head = ("node", *(name for name, _ in columns), "memory", "bound")
    rows = [
        (name, *(str(count(cores)) for _, count in columns), *_sizes(memory))
        for name, cores, memory in parts
    ]
    kept = [
        i
        for i, word in enumerate(head)
        if word in _ALWAYS or any(row[i] not in ("", "0") for row in rows)
    ]
    return Table(
        head=tuple(head[i] for i in kept), rows=tuple(tuple(row[i] for i in kept) for row in rows)
    )


def _columns(
    host: Host, marks: Mapping[int, Mark]
) -> list[tuple[str, Callable[[Sequence[Core]], int]]]:
    def used(use: Use) -> Callable[[Sequence[Core]], int]:
        return lambda cores: sum(marks[cpu].use is use for core in cores for cpu in core.cpus)

    return [
        ("CPUs", lambda cores: sum(len(core.cpus) for core in cores)),
        *((name, used(use)) for name, use in _COLUMNS),
        ("free cores", lambda cores: sum(_whole(core, marks) for core in cores)),
        (
            "isolated",
            lambda cores: sum(cpu in host.isolated for core in cores for cpu in core.cpus),
        ),
    ]


def _whole(core: Core, marks: Mapping[int, Mark]) -> bool:
    return all(marks[cpu].use is Use.FREE for cpu in core.cpus)


def _sizes(memories: Sequence[Memory]) -> tuple[str, str]:
    known = [m.total_kib for m in memories if m.total_kib is not None]
    bound = sum(m.bound_kib for m in memories)
    return rounded_kib(sum(known)) if known else "", rounded_kib(bound) if bound else "0"


def to_text(table: Table, room: int | None = None) -> str:
    """Return the table as aligned lines, numbers to the right, for a terminal.

    Columns that do not fit into `room` follow below, beside the nodes again; None is no bound.
    """
    rows = (table.head, *table.rows)
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.head))]
    parts = (
        "".join("  ".join(row[i].rjust(widths[i]) for i in columns) + "\n" for row in rows)
        for columns in _in_parts(widths, room)
    )
    return "\n".join(parts)


def _in_parts(widths: Sequence[int], room: int | None) -> Iterator[list[int]]:
    """Yield the columns of each part, as many as fit; the first column is in all of them."""
    part, used = [0], widths[0]
    for column, width in enumerate(widths[1:], start=1):
        if room is not None and used + 2 + width > room and len(part) > 1:
            yield part
            part, used = [0], widths[0]
        part.append(column)
        used += 2 + width
    yield part
