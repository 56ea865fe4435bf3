"""The console: exit codes, and the only place that prints.

It decides nothing about CPUs. Exit codes are the contract's (section 5): 0 done, 1 the input is
wrong or does not fit, 2 usage, 3 differences found, 4 the machine failed, 70 a bug in kvmc.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO

from msgspec.structs import replace

from kvmc import arguments
from kvmc.commands.result import Failure, Result, View
from kvmc.diagnostics import Diagnostic, Severity, error
from kvmc.report import diagnostics as report
from kvmc.report.style import Style

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence
    from pathlib import Path

DONE, WRONG, USAGE, DIFFERS, MACHINE, BUG = 0, 1, 2, 3, 4, 70

_MODULES = {"import": "import_domain"}
"""Command -> its module, where Python keeps the command's name for itself."""

_DATA = ("build", "import", "schema", "completion")
"""Commands that print nothing but artefacts."""

_NOT_WRITTEN = "KV192"
"""The code of a file that could not be written: the machine failed, not the input."""


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code; raises SystemExit(2) and KeyboardInterrupt."""
    _open_what_is_closed()
    _never_fail_to_encode()
    options = arguments.parse(argv)
    if _prints_data(options):
        _same_bytes_everywhere()
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    """Run the command that was asked for; whatever it raises becomes an exit code and a line."""
    try:
        # A command's module is imported only when it runs: cold start counts in hooks.
        name = _MODULES.get(options.command, options.command)
        command = importlib.import_module(f"kvmc.commands.{name}")
        code = _print(command.run(options, _view(options)), options)
        sys.stdout.flush()
    except Failure as failure:
        _tell(f"kvmc {options.command}: {failure}\n")
        return failure.code
    except BrokenPipeError:
        # The reader left (`| head`): close quietly, as any filter does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WRONG
    except OSError as reason:
        # Files are read and written in files.py, which says what it could not; this is a stream.
        _tell(f"kvmc {options.command}: {(reason.strerror or str(reason)).lower()}\n")
        return MACHINE
    except Exception as bug:
        if isinstance(bug.__cause__, KeyboardInterrupt):
            raise bug.__cause__ from None  # Python 3.11 wraps what comes while a class is made
        if options.debug:
            raise
        hint = "this is a bug in kvmc; run again with --debug to see where"
        found = error("KV900", f"{type(bug).__name__}: {bug}", hint=hint)
        _tell(report.to_text((found,), {}, _style(options, sys.stderr)))
        return BUG
    return code


def _open_what_is_closed() -> None:
    """Let a stream that the caller closed (`2>&-`) lead nowhere: Python has None for it.

    Its number must not go to a file either: what a library prints would end up in that.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 (no pathlib; lives on)


def _tell(text: str) -> None:
    """Write to stderr; where that fails the exit code has to do."""
    with suppress(OSError):
        sys.stderr.write(text)


def _never_fail_to_encode() -> None:
    """Let names that the terminal's encoding has no letters for through, as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _prints_data(options: argparse.Namespace) -> bool:
    """Whether stdout is for programs: an artefact, JSON or annotations, and no text to read."""
    return (
        options.format != "text"
        or options.command in _DATA
        or any(getattr(options, name, None) for name in ("svg", "html", "xml"))
        or getattr(options, "action", None) == "probe"
    )


def _same_bytes_everywhere() -> None:
    """Let stdout be UTF-8 whatever the locale: so are files, and XML says it is."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def _print(result: Result, options: argparse.Namespace) -> int:
    """Print what a command found: artefacts and JSON to stdout, the rest to stderr."""
    found = tuple(_strict(result.diagnostics)) if options.strict else result.diagnostics
    if options.format in arguments.ANNOTATIONS:
        writer = importlib.import_module(f"kvmc.report.{options.format}")
        from pathlib import Path

        folder = Path.cwd()
        sys.stdout.write(writer.to_text(found, str(folder), str(_repository(folder))))
        sys.stderr.write(result.said)
    elif options.format == "json" and result.document is not None:
        import json

        document = {**result.document, "diagnostics": [report.to_json(d) for d in found]}
        # ASCII only, so that no control character of a name ever reaches a terminal.
        sys.stdout.write(json.dumps(document, indent=1).replace("\x7f", "\\u007f") + "\n")
    else:
        sys.stdout.write(result.output)
        sys.stdout.flush()
        sys.stderr.write(report.to_text(found, result.lines, _style(options, sys.stderr)))
        sys.stderr.write(result.said)
    sys.stdout.flush()
    if result.then is not None:
        return _print(result.then(), options)
    if result.status is not None:
        return result.status
    if result.machine_failed or any(d.code == _NOT_WRITTEN for d in found):
        return MACHINE
    if any(d.is_error for d in found):
        return WRONG
    return DIFFERS if result.differs else DONE


def _repository(folder: Path) -> Path:
    """Return the nearest folder upwards that holds .git; the folder itself where none does."""
    return next((f for f in (folder, *folder.parents) if (f / ".git").exists()), folder)


def _strict(diagnostics: Iterable[Diagnostic]) -> Iterable[Diagnostic]:
    for found in diagnostics:
        if found.severity is Severity.WARNING:
            yield replace(found, severity=Severity.ERROR)
        else:
            yield found


def _style(options: argparse.Namespace, stream: TextIO) -> Style:
    """Colour where asked, or on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    if options.color != "auto":
        return Style(options.color == "always")
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return Style(stream.isatty() and not plain)


def _view(options: argparse.Namespace) -> View:
    """Return how stdout looks."""
    return View(style=_style(options, sys.stdout))
