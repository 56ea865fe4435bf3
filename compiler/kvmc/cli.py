"""The command line: arguments, exit codes and the only place that prints.

It decides nothing about CPUs. Exit codes are the contract's (section 5): 0 done, 1 the input is
wrong or does not fit, 2 usage, 4 the machine failed, 70 a bug in kvmc.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TextIO

from kvmc import __version__
from kvmc.commands.result import Failure, Result, View
from kvmc.diagnostics import Diagnostic, Severity, error
from kvmc.report import diagnostics as report
from kvmc.report.style import Style

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DONE, WRONG, USAGE, BUG, INTERRUPTED = 0, 1, 2, 70, 130

_EXITS = """exit codes:
  0  done, nothing wrong          2  usage
  1  the input is wrong, or       4  the machine failed
     does not fit                70  a bug in kvmc
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; argparse's own errors raise SystemExit(2)."""
    options = _parser().parse_args(argv)
    try:
        # A command's module is imported only when it runs: cold start counts in hooks.
        command = importlib.import_module(f"kvmc.commands.{options.command}")
        code = _print(command.run(options, _view(options)), options)
        sys.stdout.flush()
    except Failure as failure:
        sys.stderr.write(f"kvmc {options.command}: {failure}\n")
        return failure.code
    except BrokenPipeError:
        # The reader left (`| head`): close quietly, as any filter does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WRONG
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as bug:
        if options.debug:
            raise
        hint = "this is a bug in kvmc; run again with --debug to see where"
        found = error("KV900", f"{type(bug).__name__}: {bug}", hint=hint)
        sys.stderr.write(report.to_text((found,), {}, _style(options, sys.stderr)))
        return BUG
    return code


def _print(result: Result, options: argparse.Namespace) -> int:
    """Print what a command found: artefacts and JSON to stdout, the rest to stderr."""
    found = tuple(_strict(result.diagnostics)) if options.strict else result.diagnostics
    if options.format == "json" and result.document is not None:
        document = {**result.document, "diagnostics": [report.to_json(d) for d in found]}
        sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(result.output)
        sys.stdout.flush()
        sys.stderr.write(report.to_text(found, result.lines, _style(options, sys.stderr)))
        sys.stderr.write(result.said)
    return WRONG if any(d.is_error for d in found) else DONE


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
    """Return how stdout looks: its colours and its width in columns."""
    width = shutil.get_terminal_size((100, 24)).columns
    return View(style=_style(options, sys.stdout), width=width)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kvmc",
        description="Plan host CPUs for libvirt and QEMU guests, from YAML kept in git.",
        epilog=_EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kvmc {__version__}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks of bugs in kvmc")
    parser.set_defaults(format="text", strict=False, color="auto")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    _inputs(_add(commands, "check", "schema, rules and cross-file checks"))
    plan = _add(commands, "plan", "the placement, with reasons")
    plan.add_argument("--explain", metavar="VM", help="why each vCPU of VM is where it is")
    _inputs(plan)
    build = _add(commands, "build", "render the artefacts")
    build.add_argument("--target", choices=("libvirt",), default="libvirt", help="what to render")
    build.add_argument("-o", dest="output", metavar="DIR", help="write DIR/HOST/NAME.xml")
    _inputs(build)
    _host(commands)
    _add(commands, "schema", "print the JSON Schema of a document kind").add_argument(
        "kind", choices=("vm", "host")
    )
    _add(commands, "explain", "the paragraph behind a diagnostic code").add_argument(
        "code", metavar="CODE", help="for example KV301"
    )
    return parser


def _host(commands: Any) -> None:
    actions = _add(commands, "host", "probe a host, or show one").add_subparsers(
        metavar="ACTION", dest="action", required=True
    )
    probe = _add(actions, "probe", "write a host's facts as YAML")
    source = probe.add_mutually_exclusive_group()
    source.add_argument("--sysfs", metavar="DIR", help="a captured root that holds sys/ and proc/")
    source.add_argument("--capabilities", metavar="FILE", help="libvirt capabilities XML")
    source.add_argument("--hwloc", metavar="FILE", help="lstopo XML")
    probe.add_argument("--name", help="the host's name (default: this machine's, or the source's)")
    probe.add_argument("-o", dest="output", metavar="FILE", help="write FILE; keep its policy")
    _common(probe)
    show = _add(actions, "show", "draw a host, or print it as JSON")
    show.add_argument("file", nargs="?", metavar="FILE", help="a host YAML (default: this machine)")
    _common(show)


def _add(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    return parser


def _inputs(parser: argparse.ArgumentParser) -> None:
    text = "a file, a folder, or - for stdin (default: .)"
    parser.add_argument("paths", nargs="*", metavar="PATH", help=text)
    parser.add_argument("--host", metavar="NAME|FILE|local", help="the host; wins over the specs")
    _common(parser)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strict", action="store_true", help="warnings are errors")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")


if __name__ == "__main__":
    sys.exit(main())
