"""`kvmc lock`: write the placement to the lock, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.commands import inputs, locks

if TYPE_CHECKING:
    import argparse

    from kvmc.commands.result import Result, View


def run(options: argparse.Namespace, _view: View) -> Result:
    """Plan everything and write hosts/NAME.lock.yaml, unless some VM has no place."""
    document = {"kvmc": "v1", "kind": "lock", "locks": []}
    read = inputs.read(options)
    if read.failed:
        return read.result(document=document)
    read, planned = inputs.plan(options, read)
    if inputs.stops(read.diagnostics, options):
        return read.result(document=document)
    said, failed = locks.write_locks(read.repository, planned, locked=options.locked)
    failed += tuple(locks.unkept(read.repository, planned))
    changes = [
        {
            "host": host,
            "new": list(c.new),
            "moved": list(c.moved),
            "changed": list(c.changed),
            "gone": list(c.gone),
        }
        for host, (_, c) in planned.locks.items()
    ]
    if not planned.locks:
        said += "there is nothing to lock: no VM is planned on a host\n"
    kept = tuple(d for d in read.diagnostics if d.code not in ("KV527", "KV530"))
    return replace(read, diagnostics=kept).result(
        failed, document={**document, "locks": changes}, said=said
    )
