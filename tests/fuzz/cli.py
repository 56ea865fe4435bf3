"""kvmc's command line in this process, and what holds of every run, whatever the input.

Exit codes and formats are the contract's (sections 5 to 7); 70 is a bug by definition.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CPU_SECONDS = 5.0
WALL_SECONDS = 60.0
"""Generous, for machines that do much else; what waits for nothing never gets here."""


class Run(Struct, frozen=True, kw_only=True):
    """What one command printed, and its exit code."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str


class HungError(BaseException):
    """The command took longer than allowed; no `except Exception` of kvmc may swallow it."""


def kvmc(*argv: str, stdin: bytes = b"") -> Run:
    """Run a command in the current folder; an exception that leaves main() is the test's."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)
    err = io.TextIOWrapper(
        io.BytesIO(), "utf-8", errors="backslashreplace", newline="\n", write_through=True
    )
    given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    before, sys.stdin = sys.stdin, given
    try:
        with redirect_stdout(out), redirect_stderr(err), _limit():
            code = _main([*argv])
    finally:
        sys.stdin = before
    return Run(argv=argv, code=code, out=_text(out), err=_text(err))


def _main(argv: list[str]) -> int:
    from kvmc.cli import main  # a fault in it fails the tests, not the collection

    try:
        return main(argv)
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else 1


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    raw = stream.buffer
    assert isinstance(raw, io.BytesIO)
    return raw.getvalue().decode("utf-8", "surrogatepass")


@contextmanager
def _limit() -> Iterator[None]:
    def stop(number: int, _frame: object) -> None:
        raise HungError(signal.Signals(number).name)

    alarms = (
        (signal.SIGPROF, signal.ITIMER_PROF, CPU_SECONDS),
        (signal.SIGALRM, signal.ITIMER_REAL, WALL_SECONDS),
    )
    before = [signal.signal(number, stop) for number, _, _ in alarms]
    for _, timer, seconds in alarms:
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for (number, timer, _), handler in zip(alarms, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


def judge(run: Run, stdin: bytes = b"") -> None:
    """Assert what holds of every run."""
    told = f"{' '.join(map(repr, run.argv))}: exit {run.code}\n{run.err[-2000:]}"
    assert run.code in (0, 1, 2, 3, 4), told
    assert "Traceback" not in run.err, told
    assert "KV9" not in run.err, told
    assert "KV9" not in run.out, told
    assert not _raw(run.err), f"raw {_raw(run.err)!r} on stderr of {told}"
    assert run.err or run.code in (0, 3) or run.out, f"no word on either stream: {told}"
    kind = _format(run.argv)
    # an artefact, YAML and data formats keep names as they are; tables for people do not
    if kind == "text" and not {"build", "import", "probe"} & {*run.argv}:
        assert not _raw(run.out), f"raw {_raw(run.out)!r} on stdout of {told}"
    if kind in ("json", "sarif") and run.out:
        document = json.loads(run.out)
        if kind == "json":
            known = {"<stdin>": stdin, "<stdout>": document.get("text", "").encode()}
            _positions(document["diagnostics"], known, told)
            wrong = any(d["severity"] == "error" for d in document["diagnostics"])
            assert (run.code == 1) == wrong or run.code == 4, told


def _format(argv: tuple[str, ...]) -> str:
    return argv[argv.index("--format") + 1] if "--format" in argv else "text"


def _raw(text: str) -> str:
    """Return the characters that would steer a terminal; a line's end does not."""
    return "".join(sorted({c for c in text if c != "\n" and not c.isprintable()}))


def _positions(diagnostics: list[dict[str, object]], known: Mapping[str, bytes], told: str) -> None:
    """Every line and column is within its file; one past the end of a line or file is its end."""
    for found in diagnostics:
        line, column, file = found["line"], found["column"], str(found["file"])
        if line is None or file.startswith("/dev/"):
            continue
        assert isinstance(line, int)
        assert isinstance(column, int)
        content = known[file] if file in known else Path(file).read_bytes()
        lines = content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        width = [len(text) for text in lines.split("\n")]
        assert 1 <= line <= len(width) + 1, f"{found} in {len(width)} lines: {told}"
        end = width[line - 1] if line <= len(width) else 0
        assert 1 <= column <= end + 1, f"{found}, the line has {end}: {told}"


def snapshot(folder: Path) -> dict[str, bytes | str | None]:
    """Return every path below a folder with its bytes; a link's text, None for a folder."""
    found: dict[str, bytes | str | None] = {}
    for root, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(root, name)
            key = str(path.relative_to(folder))
            if path.is_symlink():
                found[key] = os.readlink(path)  # noqa: PTH115 (the text as it is)
            else:
                found[key] = path.read_bytes() if path.is_file() else None
    return found


def changed(
    before: Mapping[str, bytes | str | None], after: Mapping[str, bytes | str | None]
) -> set[str]:
    """Return the paths that are there in one only, or with another content."""
    return {p for p in {*before, *after} if before.get(p, "") != after.get(p, "")}
