"""The QEMU process itself: starting it, its words, its end."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

from kvmc.diagnostics import Diagnostic, error
from kvmc.runtime.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_POLITE_SECONDS = 5
_MAX_WORDS = 64 * 1024


def spawn(name: str, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start QEMU with its output in a file and in a session of its own.

    A file, because a pipe would break when kvmc goes away; a session, so that Ctrl-C reaches QEMU
    once, through kvmc. Raises Trouble (KV760).
    """
    try:
        with log.open("wb") as output:
            return subprocess.Popen(  # noqa: S603 - the renderer made the arguments; there is no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
    except OSError as reason:
        text = f"{name}: {command[0]} cannot be started: {(reason.strerror or str(reason)).lower()}"
        hint = "install QEMU, or name its binary with `emulator:` in the spec"
        raise Trouble(error("KV760", text, hint=hint)) from reason


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop QEMU, by force where it does not listen, and wait until it is gone."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_POLITE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def words(log: Path) -> str:
    """Return what QEMU printed, at most its last 64 KiB."""
    try:
        text = log.read_bytes()[-_MAX_WORDS:]
    except OSError:
        return ""
    return text.decode("utf-8", "replace").strip()


def died(name: str, status: int | None, log: Path) -> Diagnostic:
    """Return KV761: QEMU ended on its own, with its own words for why.

    `status`: as subprocess has it; None where QEMU was another process's child.
    """
    said = words(log).splitlines()
    quoted = said[-1] if said else "it printed nothing"
    hint = "; ".join(said[:-1][-5:]) or None
    how = "ended" if status is None else f"{describe(status)} before the guest ran"
    return error("KV761", f"{name}: QEMU {how}: {quoted}", hint=hint)


def describe(status: int) -> str:
    """Return how a process ended, by its subprocess return code."""
    if status >= 0:
        return f"ended with status {status}"
    return f"was killed by {signal.Signals(-status).name}"


def exit_code(status: int) -> int:
    """Return a shell's exit code for a subprocess return code: 128 + the signal's number."""
    return status if status >= 0 else 128 - status
