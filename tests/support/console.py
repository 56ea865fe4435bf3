"""Running kvmc as a user does: in this process, or in one of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kvmc.cli import main
from tests.support.paths import REPO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNLOCKED = "KV527"
"""Said wherever a placement stands in no lock; no test here is about it."""


class Ran(Struct, frozen=True, kw_only=True):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def codes(self) -> list[str]:
        """The codes inside the JSON, in its order."""
        return [d["code"] for d in self.json["diagnostics"] if d["code"] != UNLOCKED]


def kvmc(*arguments: str | Path, stdin: bytes = b"") -> Ran:
    """Run a command in this process; argparse's own exits count too."""
    out, err = _stream(), _stream()
    with _stdin(_stream(stdin)), redirect_stdout(out), redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as leave:
            code = leave.code if isinstance(leave.code, int) else 0
    return Ran(code=code, out=_text(out), err=_text(err))


def process(
    *arguments: str | bytes | Path, cwd: Path, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own, with nothing of this one's environment but PATH."""
    fixed = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LC_ALL": "C.UTF-8"}
    fixed["PYTHONPATH"] = os.environ.get("PYTHONPATH", str(REPO / "compiler"))
    command: list[Any] = [sys.executable, "-m", "kvmc.cli", *arguments]
    return subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, timeout=60, check=False,
        env=fixed | environment,
    )  # fmt: skip


def _stream(content: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="\n", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


@contextmanager
def _stdin(stream: io.TextIOWrapper) -> Iterator[None]:
    before, sys.stdin = sys.stdin, stream
    try:
        yield
    finally:
        sys.stdin = before
