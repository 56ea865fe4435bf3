"""Clocks: CPU seconds of a call, wall seconds and peak memory of a process, medians."""

from __future__ import annotations

import gc
import signal
import statistics
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

RUNS = 7
"""The fewest samples a median is taken of."""


class TooSlowError(Exception):
    """A call took longer than the limit it was given."""


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Raise TooSlowError in the body once this process has used so many more CPU seconds."""
    start = time.process_time()

    def late(*_: object) -> None:
        if time.process_time() - start >= seconds:
            raise TooSlowError

    # No ITIMER_PROF: while one runs, Linux counts CPU time in ticks, 4 ms each.
    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds / 10)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def cpu_seconds(call: Callable[[], T]) -> tuple[float, T]:
    """Return the CPU seconds that a call took in this process, and what it returned.

    What is there already is frozen, as on Nova's side: collections look at what the call makes,
    and the one before it does not push the call's code out of the processor's caches.
    """
    gc.freeze()
    gc.collect()
    start = time.process_time()
    value = call()
    return time.process_time() - start, value


def median(values: Sequence[float]) -> float:
    """Return the median; not a number where there are none."""
    return statistics.median(values) if values else float("nan")


class Run(Struct, frozen=True, kw_only=True):
    """One finished process."""

    wall: float
    """Seconds, of the process or of the part of it that it timed itself."""
    rss_kib: int = 0
    """Peak resident memory as the process itself said at its end; 0 where it did not."""


REPORT = (
    "import atexit, sys; atexit.register(lambda: sys.stderr.write("
    "next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))));"
)
"""What a Python program starts with to say its peak memory.

wait4's ru_maxrss will not do: a child inherits the peak of the process that started it.
"""


def process(*command: str) -> Run:
    """Run a command with its output thrown away; it may report on itself through stderr."""
    start = time.perf_counter()
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wall = time.perf_counter() - start
    if done.returncode:
        said = f"{' '.join(command)[:200]} ended with {done.returncode}: {done.stderr[-800:]}"
        raise RuntimeError(said)
    words = [line.split() for line in done.stderr.splitlines() if line]
    told = {line[0]: line[1] for line in words if len(line) > 1}
    return Run(wall=float(told.get("seconds:", wall)), rss_kib=int(told.get("VmHWM:", 0)))


def in_turn(commands: dict[str, Sequence[str]], runs: int) -> dict[str, list[Run]]:
    """Run each command so many times, one after the other, after a round that fills the caches."""
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            run = process(*command)
            if turn:
                found[name].append(run)
    return found
