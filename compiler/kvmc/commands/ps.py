"""`kvmc ps`: which guest thread really runs on which host CPU, and who else is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.commands.result import Failure, Result
from kvmc.diagnostics import Diagnostic, note, warning
from kvmc.report.ps import cpu_json, cpu_table, guests_json, guests_table
from kvmc.runtime import guests
from kvmc.runtime.ps import on_cpu, rows, see, unnamed
from kvmc.runtime.scan import scan
from kvmc.words import some

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from kvmc.commands.result import View
    from kvmc.runtime.scan import Snapshot


def run(options: argparse.Namespace, view: View) -> Result:
    """Show every thread of every QEMU, or with --cpu every thread of one CPU."""
    snapshot = scan()
    threads = see(snapshot, {guest.pid for guest in guests.running()})
    found = tuple(_limits(snapshot))
    if options.cpu is None:
        shown = rows(threads)
        return Result(
            diagnostics=found,
            output=guests_table(shown, view.style, view.room),
            said="" if shown else "no QEMU guest runs here\n",
            document={"kvmc": "v1", "kind": "ps", "threads": guests_json(shown)},
        )
    if options.cpu not in snapshot.online:
        raise Failure(2, f"there is no CPU {options.cpu} online; online are {snapshot.online}")
    there = on_cpu(threads, options.cpu)
    return Result(
        diagnostics=found,
        output=cpu_table(there, view.style, view.room),
        said="" if there else f"no thread is pinned to CPU {options.cpu} or last ran on it\n",
        document={"kvmc": "v1", "kind": "ps", "cpu": options.cpu, "threads": cpu_json(there)},
    )


def _limits(snapshot: Snapshot) -> Iterator[Diagnostic]:
    """Yield what the table cannot tell: KV773 and KV778."""
    hint = "run as root to see all"
    if snapshot.unreadable:
        which = some([str(pid) for pid in snapshot.unreadable], 5)
        text = f"{len(snapshot.unreadable)} processes could not be read: {which}"
        yield warning("KV773", text, hint=hint)
    if snapshot.hidden:
        text = "/proc is mounted with hidepid=, so other users' processes do not show"
        yield warning("KV773", text, hint=hint)
    for name in unnamed(snapshot):
        hint = "start it with `-name NAME,debug-threads=on`"
        yield note("KV778", f"{name}: its threads have no names, so no vCPU is shown", hint=hint)
