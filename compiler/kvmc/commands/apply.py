"""`kvmc apply`: its options, and the word that keeps a --try."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from kvmc.apply import receipt
from kvmc.apply.model import HypervisorError
from kvmc.arguments import SYSTEM
from kvmc.commands import looking, placed
from kvmc.commands.result import Failure, Result
from kvmc.diagnostics import error

if TYPE_CHECKING:
    import argparse

    from kvmc.commands.result import View


def run(options: argparse.Namespace, _view: View) -> Result:
    """Bring the specs onto the host, or with --dry-run say what that would take."""
    _check(options)
    uri = options.connect or SYSTEM
    if options.confirm:
        return _confirm(uri)
    read = placed.place(options, uri)
    if read.stopped:
        return read.inputs.result(document=receipt.document(dry_run=options.dry_run, uri=uri))
    try:
        from kvmc.apply.libvirt_writer import Writer
        from kvmc.commands.session import Session

        tree = looking.this_machine()
        with Writer(uri, read_only=options.dry_run, tree=tree) as writer:
            session = Session(options, read, uri, writer)
            return session.dry_run() if options.dry_run else session.locked()
    except HypervisorError as reason:
        raise Failure(4, str(reason)) from reason


def _check(options: argparse.Namespace) -> None:
    if options.trial is not None and options.trial < 1:
        raise Failure(2, "--try takes at least 1 second")
    if options.trial is not None and options.dry_run:
        raise Failure(2, "--dry-run changes nothing, so that there is nothing to --try")
    asks = not (options.yes or options.dry_run or options.confirm)
    if asks and not sys.stdin.isatty():
        raise Failure(2, "there is no terminal to ask on; say --yes, or --dry-run to only look")


def _confirm(uri: str) -> Result:
    from kvmc.apply import journal, lockfile, trial
    from kvmc.apply.libvirt_writer import Writer

    try:
        with Writer(uri, read_only=True) as reader:
            folder = journal.host_folder(reader.host())
        holder = lockfile.is_held(folder / "lock")
        left = journal.read(folder)
        if holder is None or left is None or not left.trial:
            hint = f"`kvmc apply --try` keeps what it waits for in {folder}"
            return Result(diagnostics=(error("KV712", f"no --try waits on {uri}", hint=hint),))
        trial.confirm(folder)
    except (HypervisorError, OSError, journal.CorruptError) as reason:
        raise Failure(4, str(reason)) from reason
    return Result(said=f"confirmed: process {left.pid} keeps what it applied\n")
