"""A process that runs `kvmc apply` in children and kills them: run as a script.

It reads one JSON object a line, `{"argv": [...], "seconds": 0.3}` or `{"argv": [...], "step": 7}`,
and answers with one: `{"killed": true, "code": null, "steps": 7, "work": 0.31, "said": ""}`. Steps
are all calls that change libvirt or the journal, each counted before and after. With `step` a child
dies at its step of that number, with `seconds` so long after its first one, so that no kill is
spent on the reading of specs; with `pid_file` it is not the child that dies but the process of that
number, libvirtd say. `work` is the time from the first step to the last. The product knows
nothing of this.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def _count_steps(last: int, report: int, pid_file: str | None) -> None:
    """Wrap every step; report how many there were and kill at the last one."""
    from kvmc.apply import journal
    from kvmc.apply.libvirt_writer import Writer

    seen = 0

    def step() -> None:
        nonlocal seen
        seen += 1
        os.pwrite(report, f"{seen:>9} {time.monotonic():20.6f}".encode(), 0)
        if seen == last:
            victim = int(Path(pid_file).read_text("ascii")) if pid_file else os.getpid()
            os.kill(victim, signal.SIGKILL)

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            step()
            value = function(*args, **kwargs)
            step()
            return value

        return wrapped

    for name in ("define", "run", "start"):
        setattr(Writer, name, around(getattr(Writer, name)))
    for name in ("_append", "_sync_folder"):
        setattr(journal, name, around(getattr(journal, name)))
    Path.rename = around(Path.rename)  # type: ignore[method-assign]


def _child(order: dict[str, Any], report: int, said: int) -> None:
    from kvmc.cli import main

    os.dup2(said, 1)
    os.dup2(said, 2)
    _count_steps(order.get("step", 0), report, order.get("pid_file"))
    try:
        code = main(order["argv"])
    except SystemExit as leave:
        code = int(leave.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _wait_for_work(child: int, report: int) -> float:
    """Return when the child did its first step, or ended without one."""
    while not os.pread(report, 1, 0):
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            break
        time.sleep(0.0005)
    return time.monotonic()


def _run(order: dict[str, Any], report: int, said: int) -> dict[str, Any]:
    for handle in (report, said):
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
    child = os.fork()
    if child == 0:
        _child(order, report, said)
    work = _wait_for_work(child, report)
    if "seconds" in order:
        time.sleep(order["seconds"])
        os.kill(child, signal.SIGKILL)  # a child that ended is still there, unwaited for
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    steps, last = (os.pread(report, 30, 0) or b"0 0").split()
    return {
        "killed": status < 0,
        "code": status if status >= 0 else None,
        "steps": int(steps),
        "work": float(last) - work,
        "said": os.pread(said, 100_000, 0).decode(),
    }


def main() -> None:
    """Serve until the end of stdin."""
    import libvirt  # noqa: F401 (imported once, before the forks)

    from kvmc.apply import diff, kernel, observe, recover, transaction, works  # noqa: F401
    from kvmc.commands import apply, session  # noqa: F401

    report, said = (os.open(name, os.O_RDWR | os.O_CREAT, 0o600) for name in sys.argv[1:3])
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_run(json.loads(line), report, said)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
