"""The arguments of every command, as argparse reads them."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from typing import TYPE_CHECKING

from kvmc import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    _Parser = argparse.ArgumentParser
    _Commands = argparse._SubParsersAction[_Parser]  # noqa: SLF001 (it has no other name)

SYSTEM = "qemu:///system"
"""The connection where none is named: the system's own QEMU, as virsh has it for root."""

ANNOTATIONS = ("github", "sarif")
"""Formats of `check` alone: the module of kvmc.report that writes them has the same name."""

_FORMATS = ("text", "json")

_EXITS = """exit codes:
  0  done, nothing wrong          3  differences or drift found
  1  the input is wrong, or       4  the machine failed
     does not fit                70  a bug in kvmc
  2  usage
"""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command line; argparse's own errors raise SystemExit(2)."""
    # The command that runs is enough: all of them take 6 ms to add, and hooks wait.
    named = argv[:1] if argv and argv[0] in _COMMANDS else ()
    return parser(named).parse_args(argv)


def parser(names: Iterable[str] = ()) -> argparse.ArgumentParser:
    """Return the parser of the commands of these names, or of all."""
    whole = argparse.ArgumentParser(
        prog="kvmc",
        description="Plan host CPUs for libvirt and QEMU guests, from YAML kept in git.",
        epilog=_EXITS,
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=_width()),
    )
    whole.add_argument("--version", action="version", version=f"kvmc {__version__}")
    whole.add_argument("--debug", action="store_true", help="show tracebacks of bugs in kvmc")
    whole.set_defaults(format="text", strict=False, color="auto", connect=None)
    commands = whole.add_subparsers(metavar="COMMAND", dest="command", required=True, prog="kvmc")
    for name in names or _COMMANDS:
        text, add_arguments = _COMMANDS[name]
        add_arguments(_add(commands, name, text))
    return whole


def _add(commands: _Commands, name: str, text: str) -> _Parser:
    formatter = partial(argparse.HelpFormatter, width=_width())
    return commands.add_parser(name, help=text, description=text, formatter_class=formatter)


def _width() -> int:
    """Return the columns for help, as argparse does by way of shutil, which is slow to import."""
    try:
        columns = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        columns = 0
    if columns <= 0 and sys.__stdout__ is not None:
        try:
            columns = os.get_terminal_size(sys.__stdout__.fileno()).columns
        except (OSError, ValueError):
            columns = 0  # no terminal, or closed
    return (columns if columns > 0 else 80) - 2


def _check(check: _Parser) -> None:
    _inputs(check, _FORMATS + ANNOTATIONS)


def _plan(plan: _Parser) -> None:
    plan.add_argument("--explain", metavar="VM", help="why each vCPU of VM is where it is")
    _beside(plan)
    _inputs(plan)


def _build(build: _Parser) -> None:
    build.add_argument(
        "--target", choices=("libvirt", "qemu"), default="libvirt", help="what to render"
    )
    build.add_argument("-o", dest="output", metavar="DIR", help="write DIR/HOST/NAME.xml or .sh")
    _beside(build)
    _inputs(build)


def _lock(lock: _Parser) -> None:
    _beside(lock)
    _inputs(lock)


def _diff(diff: _Parser) -> None:
    diff.add_argument("--xml", action="store_true", help="a unified diff of the definitions")
    _connection(diff)
    _inputs(diff)


def _apply(apply: _Parser) -> None:
    apply.add_argument("--dry-run", action="store_true", help="only show; exit code 3 if it would")
    apply.add_argument("--yes", action="store_true", help="do not ask")
    apply.add_argument("--start", action="store_true", help="start the VMs that are shut off")
    text = "take it back after SECONDS unless confirmed"
    apply.add_argument("--try", dest="trial", type=int, metavar="SECONDS", help=text)
    apply.add_argument("--confirm", action="store_true", help="keep what a --try waits for")
    _connection(apply)
    _inputs(apply)


def _verify(verify: _Parser) -> None:
    verify.add_argument("--cpuinfo", metavar="FILE", help="a guest's /proc/cpuinfo; - for stdin")
    text = "ask the guests' agents too; that takes a read-write connection"
    verify.add_argument("--agent", action="store_true", help=text)
    _connection(verify)
    _inputs(verify)


def _run(run: _Parser) -> None:
    run.add_argument("--detach", action="store_true", help="leave QEMU running and return")
    run.add_argument("--pid-file", metavar="FILE", help="where QEMU writes its process id")
    _inputs(run)


def _hotplug(hotplug: _Parser) -> None:
    hotplug.add_argument("name", metavar="NAME", help="the VM's name")
    hotplug.add_argument("count", type=int, metavar="COUNT", help="how many vCPUs it shall have")
    text = "how long the guest may take to give up a vCPU (default: 30)"
    hotplug.add_argument("--timeout", type=float, default=30, metavar="SECONDS", help=text)
    _common(hotplug)


def _ps(ps: _Parser) -> None:
    ps.add_argument("--cpu", type=int, metavar="N", help="all threads of one host CPU")
    _common(ps)


def _host(host: _Parser) -> None:
    actions = host.add_subparsers(metavar="ACTION", dest="action", required=True)
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


def _map(picture: _Parser) -> None:
    target = picture.add_mutually_exclusive_group()
    target.add_argument("--svg", metavar="FILE", help="write an SVG (- is stdout)")
    target.add_argument("--html", metavar="FILE", help="write a page that needs no network")
    _inputs(picture)


def _schema(schema: _Parser) -> None:
    schema.add_argument("kind", choices=("vm", "host", "lock", "plan"))
    _common(schema)


def _explain(explain: _Parser) -> None:
    explain.add_argument("code", metavar="CODE", help="for example KV301")
    _common(explain)


def _import(imported: _Parser) -> None:
    imported.add_argument("xml", metavar="XML", help="a libvirt domain XML, or - for stdin")
    imported.add_argument(
        "-o", dest="output", metavar="FILE", help="write FILE, with the XML as its base"
    )
    imported.add_argument("--host", metavar="NAME|FILE|local", help="the host it runs on")
    _common(imported)


def _init(start: _Parser) -> None:
    start.add_argument("folder", nargs="?", default=".", metavar="DIR", help="where (default: .)")
    _common(start)


def _completion(completion: _Parser) -> None:
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))


def _connection(command: _Parser) -> None:
    text = f"the libvirt connection (default: {SYSTEM})"
    command.add_argument("-c", "--connect", metavar="URI", help=text)


def _beside(command: _Parser) -> None:
    text = "a libvirt host whose domains that no spec declares keep their CPUs"
    command.add_argument("-c", "--connect", metavar="URI", help=text)


def _inputs(command: _Parser, formats: Sequence[str] = _FORMATS) -> None:
    text = "a file, a folder, or - for stdin (default: .)"
    command.add_argument("paths", nargs="*", metavar="PATH", help=text)
    command.add_argument("--host", metavar="NAME|FILE|local", help="the host; wins over the specs")
    lock = command.add_mutually_exclusive_group()
    lock.add_argument("--locked", action="store_true", help="fail if the lock would change")
    lock.add_argument("--replan", action="store_true", help="free what the lock holds")
    _common(command, formats)


def _filled(text: str) -> str:
    """Refuse an argument that is empty: a script's variable that was never set."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; give it a value, or leave it out")
    return text


def _common(command: _Parser, formats: Sequence[str] = _FORMATS) -> None:
    command.register("type", None, _filled)
    command.add_argument("--strict", action="store_true", help="warnings are errors")
    command.add_argument("--format", choices=formats, default="text")
    command.add_argument("--color", choices=("auto", "always", "never"), default="auto")


_COMMANDS: dict[str, tuple[str, Callable[[_Parser], None]]] = {
    "check": ("schema, rules and cross-file checks", _check),
    "plan": ("the placement, with reasons", _plan),
    "build": ("render the artefacts", _build),
    "lock": ("write the placement to the lock, and nothing else", _lock),
    "diff": ("the specs against what libvirt and the kernel have", _diff),
    "apply": ("bring the specs onto a libvirt host", _apply),
    "verify": ("what really runs where, against the plan", _verify),
    "run": ("start QEMU itself, pin its threads, then let the guest run", _run),
    "hotplug": ("more or fewer vCPUs for a guest started by run", _hotplug),
    "ps": ("which guest thread really runs on which host CPU, and who is there", _ps),
    "host": ("probe a host, or show one", _host),
    "map": ("the host as a picture: who has which CPU, what is free, what is stranded", _map),
    "schema": ("print the JSON Schema of a document kind", _schema),
    "explain": ("the paragraph behind a diagnostic code", _explain),
    "import": ("an existing domain as YAML", _import),
    "init": ("a starting repository: this machine, probed, and one VM", _init),
    "completion": ("print a shell's completion script", _completion),
}
"""Command -> what it is for, in the order of `kvmc --help`, and what adds its arguments."""
