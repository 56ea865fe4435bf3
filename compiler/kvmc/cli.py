"""The command line: arguments, exit codes and the only place that prints.

It decides nothing about CPUs. Exit codes are the contract's (section 5): 0 done, 1 the input is
wrong or does not fit, 2 usage, 3 differences found, 4 the machine failed, 70 a bug in kvmc.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import importlib
import os
import sys
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from kvmc import __version__
from kvmc.commands.result import Failure, Result, View
from kvmc.diagnostics import Diagnostic, Severity, error
from kvmc.report import diagnostics as report
from kvmc.report.style import Style

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 (it has no other name)

DONE, WRONG, USAGE, DIFFERS, MACHINE, BUG, INTERRUPTED = 0, 1, 2, 3, 4, 70, 130

SYSTEM = "qemu:///system"
"""The connection where none is named: the system's own QEMU, as virsh has it for root."""

_FORMATS = ("text", "json")
_ANNOTATIONS = ("github", "sarif")
"""Formats of `check` alone: the module of kvmc.report that writes them has the same name."""

_MODULES = {"import": "import_domain"}
"""Command -> its module, where Python keeps the command's name for itself."""

_NOT_WRITTEN = "KV192"
"""The code of a file that could not be written: the machine failed, not the input."""

_EXITS = """exit codes:
  0  done, nothing wrong          3  differences or drift found
  1  the input is wrong, or       4  the machine failed
     does not fit                70  a bug in kvmc
  2  usage
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; argparse's own errors raise SystemExit(2)."""
    if argv is None:
        _spare_the_collector()
    _never_fail_to_encode()
    try:
        return _run(_parser().parse_args(argv))
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    """Run the command that was asked for; whatever it raises becomes an exit code and a line."""
    try:
        # A command's module is imported only when it runs: cold start counts in hooks.
        name = _MODULES.get(options.command, options.command)
        command = importlib.import_module(f"kvmc.commands.{name}")
        code = _print(command.run(options, _view(options)), options)
        sys.stdout.flush()
    except Failure as failure:
        sys.stderr.write(f"kvmc {options.command}: {failure}\n")
        return failure.code
    except BrokenPipeError:
        # The reader left (`| head`): close quietly, as any filter does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WRONG
    except OSError as reason:
        # Files are read and written in files.py, which says what it could not; this is a stream.
        sys.stderr.write(f"kvmc {options.command}: {(reason.strerror or str(reason)).lower()}\n")
        return MACHINE
    except Exception as bug:
        if isinstance(bug.__cause__, KeyboardInterrupt):
            raise bug.__cause__ from None  # Python 3.11 wraps what comes while a class is made
        if options.debug:
            raise
        hint = "this is a bug in kvmc; run again with --debug to see where"
        found = error("KV900", f"{type(bug).__name__}: {bug}", hint=hint)
        sys.stderr.write(report.to_text((found,), {}, _style(options, sys.stderr)))
        return BUG
    return code


def _spare_the_collector() -> None:
    """Let the cyclic collector look seldom, and not at all at the end of the process.

    A run is short and makes trees, which need no collector: 7 of 95 ms of a `check` of one file
    were its work, and a seventh of the time for 1,000 files.
    """
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)


def _never_fail_to_encode() -> None:
    """Let names that the terminal's encoding has no letters for through, as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _print(result: Result, options: argparse.Namespace) -> int:
    """Print what a command found: artefacts and JSON to stdout, the rest to stderr."""
    found = tuple(_strict(result.diagnostics)) if options.strict else result.diagnostics
    if options.format in _ANNOTATIONS:
        writer = importlib.import_module(f"kvmc.report.{options.format}")
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kvmc",
        description="Plan host CPUs for libvirt and QEMU guests, from YAML kept in git.",
        epilog=_EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kvmc {__version__}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks of bugs in kvmc")
    parser.set_defaults(format="text", strict=False, color="auto", connect=None)
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    _inputs(_add(commands, "check", "schema, rules and cross-file checks"), _FORMATS + _ANNOTATIONS)
    plan = _add(commands, "plan", "the placement, with reasons")
    plan.add_argument("--explain", metavar="VM", help="why each vCPU of VM is where it is")
    _beside(plan)
    _inputs(plan)
    build = _add(commands, "build", "render the artefacts")
    build.add_argument(
        "--target", choices=("libvirt", "qemu"), default="libvirt", help="what to render"
    )
    build.add_argument("-o", dest="output", metavar="DIR", help="write DIR/HOST/NAME.xml or .sh")
    _beside(build)
    _inputs(build)
    lock = _add(commands, "lock", "write the placement to the lock, and nothing else")
    _beside(lock)
    _inputs(lock)
    diff = _add(commands, "diff", "the specs against what libvirt and the kernel have")
    diff.add_argument("--xml", action="store_true", help="a unified diff of the definitions")
    _connection(diff)
    _inputs(diff)
    _apply(commands)
    verify = _add(commands, "verify", "what really runs where, against the plan")
    verify.add_argument("--cpuinfo", metavar="FILE", help="a guest's /proc/cpuinfo; - for stdin")
    text = "ask the guests' agents too; that takes a read-write connection"
    verify.add_argument("--agent", action="store_true", help=text)
    _connection(verify)
    _inputs(verify)
    _running(commands)
    _host(commands)
    _map(commands)
    schema = _add(commands, "schema", "print the JSON Schema of a document kind")
    schema.add_argument("kind", choices=("vm", "host", "lock", "plan"))
    _common(schema)
    explain = _add(commands, "explain", "the paragraph behind a diagnostic code")
    explain.add_argument("code", metavar="CODE", help="for example KV301")
    _common(explain)
    _daily(commands, parser)
    return parser


def _daily(commands: _Commands, parser: argparse.ArgumentParser) -> None:
    imported = _add(commands, "import", "an existing domain as YAML")
    imported.add_argument("xml", metavar="XML", help="a libvirt domain XML, or - for stdin")
    imported.add_argument(
        "-o", dest="output", metavar="FILE", help="write FILE, with the XML as its base"
    )
    imported.add_argument("--host", metavar="NAME|FILE|local", help="the host it runs on")
    _common(imported)
    start = _add(commands, "init", "a starting repository: this machine, probed, and one VM")
    start.add_argument("folder", nargs="?", default=".", metavar="DIR", help="where (default: .)")
    completion = _add(commands, "completion", "print a shell's completion script")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    completion.set_defaults(parser=parser)


def _running(commands: _Commands) -> None:
    run = _add(commands, "run", "start QEMU itself, pin its threads, then let the guest run")
    run.add_argument("--detach", action="store_true", help="leave QEMU running and return")
    run.add_argument("--pid-file", metavar="FILE", help="where QEMU writes its process id")
    _inputs(run)
    hotplug = _add(commands, "hotplug", "more or fewer vCPUs for a guest started by run")
    hotplug.add_argument("name", metavar="NAME", help="the VM's name")
    hotplug.add_argument("count", type=int, metavar="COUNT", help="how many vCPUs it shall have")
    text = "how long the guest may take to give up a vCPU (default: 30)"
    hotplug.add_argument("--timeout", type=float, default=30, metavar="SECONDS", help=text)
    _common(hotplug)
    ps = _add(commands, "ps", "which guest thread really runs on which host CPU, and who is there")
    ps.add_argument("--cpu", type=int, metavar="N", help="all threads of one host CPU")
    _common(ps)


def _map(commands: _Commands) -> None:
    text = "the host as a picture: who has which CPU, what is free, what is stranded"
    parser = _add(commands, "map", text)
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--svg", metavar="FILE", help="write an SVG (- is stdout)")
    target.add_argument("--html", metavar="FILE", help="write a page that needs no network")
    _inputs(parser)


def _host(commands: _Commands) -> None:
    actions = _add(commands, "host", "probe a host, or show one").add_subparsers(
        metavar="ACTION", dest="action", required=True
    )
    probe = _add(actions, "probe", "write a host's facts as YAML")
    source = probe.add_mutually_exclusive_group()
    source.add_argument("--sysfs", metavar="DIR", help="a captured root that holds sys/ and proc/")
    source.add_argument("--capabilities", metavar="FILE", help="libvirt capabilities XML")
    source.add_argument("--hwloc", metavar="FILE", help="lstopo XML")
    source.add_argument("--connect", metavar="URI", help="a libvirt host, with its host-model CPU")
    probe.add_argument("--name", help="the host's name (default: this machine's, or the source's)")
    probe.add_argument("-o", dest="output", metavar="FILE", help="write FILE; keep its policy")
    _common(probe)
    show = _add(actions, "show", "draw a host, or print it as JSON")
    show.add_argument("file", nargs="?", metavar="FILE", help="a host YAML (default: this machine)")
    _common(show)


def _add(commands: _Commands, name: str, text: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=text, description=text)


def _apply(commands: _Commands) -> None:
    apply = _add(commands, "apply", "bring the specs onto a libvirt host")
    apply.add_argument("--dry-run", action="store_true", help="only show; exit code 3 if it would")
    apply.add_argument("--yes", action="store_true", help="do not ask")
    apply.add_argument("--start", action="store_true", help="start the VMs that are shut off")
    text = "take it back after SECONDS unless confirmed"
    apply.add_argument("--try", dest="trial", type=int, metavar="SECONDS", help=text)
    apply.add_argument("--confirm", action="store_true", help="keep what a --try waits for")
    _connection(apply)
    _inputs(apply)


def _connection(parser: argparse.ArgumentParser) -> None:
    text = f"the libvirt connection (default: {SYSTEM})"
    parser.add_argument("-c", "--connect", metavar="URI", help=text)


def _beside(parser: argparse.ArgumentParser) -> None:
    text = "a libvirt host whose domains that no spec declares keep their CPUs"
    parser.add_argument("-c", "--connect", metavar="URI", help=text)


def _inputs(parser: argparse.ArgumentParser, formats: Sequence[str] = _FORMATS) -> None:
    text = "a file, a folder, or - for stdin (default: .)"
    parser.add_argument("paths", nargs="*", metavar="PATH", help=text)
    parser.add_argument("--host", metavar="NAME|FILE|local", help="the host; wins over the specs")
    lock = parser.add_mutually_exclusive_group()
    lock.add_argument("--locked", action="store_true", help="fail if the lock would change")
    lock.add_argument("--replan", action="store_true", help="free what the lock holds")
    _common(parser, formats)


def _common(parser: argparse.ArgumentParser, formats: Sequence[str] = _FORMATS) -> None:
    parser.add_argument("--strict", action="store_true", help="warnings are errors")
    parser.add_argument("--format", choices=formats, default="text")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")


if __name__ == "__main__":
    sys.exit(main())
