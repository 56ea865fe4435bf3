"""`kvmc completion SHELL`: a script that completes commands, options and files in that shell."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kvmc.arguments import parser
from kvmc.commands.result import Failure, Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.commands.result import View

_FILES = ("PATH", "FILE", "XML", "NAME|FILE|local")
_FOLDERS = ("DIR",)
"""Metavars of arguments that name a file or a folder."""


def run(options: argparse.Namespace, _view: View) -> Result:
    """Print the script; it is made of the parser, and starts no kvmc while one types."""
    try:
        import shtab
    except ImportError:
        raise Failure(2, "this needs the library shtab: pip install shtab") from None

    whole = parser()
    for action in _actions(whole):
        if action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # how shtab is told
        elif action.metavar in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    return Result(output=shtab.complete(whole, options.shell).rstrip("\n") + "\n")


def _actions(command: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of a parser and of all its commands."""
    for action in command._actions:  # noqa: SLF001 - argparse has no other way to list them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for inner in action.choices.values():
                yield from _actions(inner)
        else:
            yield action
