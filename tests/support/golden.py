"""Golden cases: a folder with commands, and what they print.

    cmd           command lines without `kvmc`; blank lines and those that start with # are skipped
    expected.txt  what every command printed, and its exit code; written by --update-golden
    stdin         optional: what every command reads
    inputs.py     optional: make(folder) writes inputs that no text file can hold (binary, huge),
                  patch(monkeypatch) provokes what no input can (a bug of ours, say)

All other files are inputs. A case runs in a copy, in this process and in an environment that is
the same on every machine.
"""

from __future__ import annotations

import io
import os
import runpy
import shlex
import shutil
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

from msgspec import Struct

from tests.support.paths import EXAMPLES, GOLDEN, REPO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

_HARNESS_FILES = ("cmd", "expected.txt", "stdin", "inputs.py")


class Case(Struct, frozen=True):
    """One folder that holds a `cmd`."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder, relative to the repository."""
        return self.folder.relative_to(REPO).as_posix()

    @property
    def expected(self) -> Path:
        """The file that holds the output, whether it exists yet or not."""
        return self.folder / "expected.txt"

    @property
    def commands(self) -> tuple[str, ...]:
        """The command lines, without `kvmc`."""
        lines = (line.strip() for line in (self.folder / "cmd").read_text("utf-8").splitlines())
        return tuple(line for line in lines if line and not line.startswith("#"))


def cases() -> tuple[Case, ...]:
    """Return every case below tests/golden and examples; folders within a case are its inputs."""
    folders = sorted(p.parent for root in (GOLDEN, EXAMPLES) for p in root.rglob("cmd"))
    return tuple(Case(f) for f in folders if not any(p in folders for p in f.parents))


def run(case: Case, work: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the commands of a case in a copy below `work`; return the text of its expected.txt."""
    folder = work / case.folder.name
    shutil.copytree(case.folder, folder, symlinks=True)
    for name in _HARNESS_FILES:
        (folder / name).unlink(missing_ok=True)
    _isolate(work, folder, monkeypatch)
    inputs = case.folder / "inputs.py"
    hooks = runpy.run_path(str(inputs)) if inputs.is_file() else {}
    if "make" in hooks:
        hooks["make"](folder)
    if "patch" in hooks:
        hooks["patch"](monkeypatch)
    stdin = case.folder / "stdin"
    given = stdin.read_bytes() if stdin.is_file() else b""
    text = "\n".join(_run_one(command, given) for command in case.commands)
    return text.replace(str(folder), ".").replace(str(work), "..")


def _isolate(work: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fix what a command can see of the machine: its folder and its environment."""
    fixed = {"HOME": str(work), "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "100"}
    for name in tuple(os.environ):
        if name != "PATH" and not name.startswith("PYTEST"):
            monkeypatch.delenv(name)
    for name, value in fixed.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)


def _run_one(command: str, stdin: bytes) -> str:
    """Run one command line; a traceback of kvmc is left to fail the test."""
    out, err = _stream(), _stream()
    with _stdin(_stream(stdin)), redirect_stdout(out), redirect_stderr(err):
        code = _main(shlex.split(command))
    stderr = _text(err)
    middle = f"--- stderr\n{stderr}" if stderr else ""
    return f"$ kvmc {command}\n{_text(out)}{middle}exit {code}\n"


def _main(argv: list[str]) -> int:
    """Call the command line; argparse leaves usage errors and --help by SystemExit."""
    from kvmc.cli import main  # a fault in it fails the cases, not the collection

    try:
        return main(argv)
    except SystemExit as leave:
        if leave.code is not None and not isinstance(leave.code, int):
            raise
        return leave.code or 0


def _stream(content: bytes = b"") -> io.TextIOWrapper:
    """Return a text stream with a `buffer` below it, as the real ones have, and no terminal."""
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="\n", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    """Return what was written; a last line without its end is marked, as diff(1) does."""
    stream.flush()
    stream.seek(0)
    text = stream.read()
    return text if text == "" or text.endswith("\n") else f"{text}\n\\ no newline at the end\n"


@contextmanager
def _stdin(stream: io.TextIOWrapper) -> Iterator[None]:
    before, sys.stdin = sys.stdin, stream
    try:
        yield
    finally:
        sys.stdin = before
