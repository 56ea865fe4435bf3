"""`kvmc check`: schema, rules and cross-file checks; needs no host and no libvirt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.commands import inputs
from kvmc.diagnostics import Severity

if TYPE_CHECKING:
    import argparse

    from kvmc.commands.result import Result, View


def run(options: argparse.Namespace, _view: View) -> Result:
    """Check everything found in PATHs and in the hosts/ that belongs to them."""
    read = inputs.read(options)
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


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
