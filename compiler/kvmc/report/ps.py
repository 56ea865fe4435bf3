"""The rows of `kvmc ps` as a table and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmc.report.style import printable
from kvmc.report.table import table
from kvmc.words import some

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmc.report.style import Style
    from kvmc.runtime.ps import Row, Seen

_COMPANIONS = 3
"""Named in a table's cell; the rest is counted there, and JSON has them all."""


def guests_table(rows: Sequence[Row], style: Style, room: int | None = None) -> str:
    """Return a line for each guest thread, folded to `room` columns; "" without any."""
    head = ("GUEST", "STARTED BY", "THREAD", "TID", "ALLOWED", "LAST", "SHARES THAT CPU WITH")
    return _table(head, ((*_cells(row.seen), _company(row)) for row in rows), style, room)


def cpu_table(threads: Sequence[Seen], style: Style, room: int | None = None) -> str:
    """Return a line for each thread of one CPU, folded to `room` columns; "" without any."""
    head = ("PROGRAM", "STARTED BY", "THREAD", "TID", "ALLOWED", "LAST", "WHY HERE")
    return _table(head, ((*_cells(seen), _why(seen)) for seen in threads), style, room)


def _cells(seen: Seen) -> tuple[str, ...]:
    role = "kernel" if seen.kernel and seen.role is None else str(seen.role or "")
    return (
        printable(seen.program),
        seen.by or "",
        printable(role),
        str(seen.thread),
        str(seen.allowed),
        str(seen.cpu),
    )


def _company(row: Row) -> str:
    names = [printable(name) for name in row.company]
    return some(names, _COMPANIONS)


def _why(seen: Seen) -> str:
    text = "pinned" if seen.pinned else "last ran here"
    return text if seen.policy == "other" else f"{text}, SCHED_{seen.policy.upper()}"


def _table(
    head: tuple[str, ...], lines: Iterable[tuple[str, ...]], style: Style, room: int | None
) -> str:
    body = list(lines)
    shown = table(head, body, style, room, keep_empty=True) if body else []
    return "".join(f"{line}\n" for line in shown)


def guests_json(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return the guest threads, each with all its company."""
    return [{**_json(row.seen), "shared_with": [_json(o) for o in row.others]} for row in rows]


def cpu_json(threads: Iterable[Seen]) -> list[dict[str, Any]]:
    """Return the threads of one CPU."""
    return [_json(seen) for seen in threads]


def _json(seen: Seen) -> dict[str, Any]:
    role = seen.role
    return {
        "program": seen.program,
        "guest": seen.program if role else None,
        "started_by": seen.by,
        "kind": role.kind if role else "kernel" if seen.kernel else "other",
        "name": (role.name or None) if role else None,
        "pid": seen.process,
        "tid": seen.thread,
        "allowed": str(seen.allowed),
        "pinned": seen.pinned,
        "cpu": seen.cpu,
        "policy": seen.policy,
    }
