"""`kvmc check`: schema, rules and cross-file checks; needs no host and no libvirt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.commands import inputs
from kvmc.commands.bases import missing_bases
from kvmc.commands.hosts import LOCAL
from kvmc.diagnostics import Severity
from kvmc.homes import by_home

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from kvmc.commands.inputs import Inputs
    from kvmc.commands.result import Result, View
    from kvmc.diagnostics import Diagnostic


def run(options: argparse.Namespace, _view: View) -> Result:
    """Check everything found in PATHs and in the hosts/ that belongs to them.

    With --locked it is planned too: nothing else tells whether a lock would change.
    """
    read = inputs.read(options)
    read = replace(read, diagnostics=(*read.diagnostics, *_across(read)))
    if options.locked and not inputs.stops(read.diagnostics, options):
        read, _ = inputs.plan(options, read)
    repository = read.repository
    warned = sum(d.severity is Severity.WARNING for d in read.diagnostics)
    said = (
        ""
        if inputs.stops(read.diagnostics, options)
        else (
            f"{_count(len({d.file for d in repository.documents}), 'file')}: "
            f"{_count(len(repository.vms), 'VM')}, {_count(len(repository.hosts), 'host')}, "
            f"{_count(warned, 'warning') if warned else 'nothing wrong'}\n"
        )
    )
    return read.result(document={"kvmc": "v1", "kind": "check"}, said=said)


def _across(read: Inputs) -> Iterator[Diagnostic]:
    """Yield what every later command would refuse: hosts nobody described, names, lost bases.

    Where there is no description at all the hosts may be described elsewhere. A name that is used
    twice on one host is said already; so nothing is said of hosts where something is wrong.
    """
    vms, names = read.repository.vms, [host.name for host in read.repository.hosts]
    if read.forced == LOCAL:
        names.append(LOCAL)  # this machine, which need not be described
    if not read.failed and (names or read.forced):
        yield from by_home(vms, names, read.forced)[2]
    yield from missing_bases(vms)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
