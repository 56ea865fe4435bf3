"""Long lists shared out over the CPU cores: forks of this process, each with a part.

A fork inherits the items, so that only results travel, and nothing is imported twice, which is why
this is no multiprocessing.Pool (20 ms to import, and a pickle of every item).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
R = TypeVar("R")

_MOST = 8
"""Forks beyond that wait for the one process that reads their results."""


def share_out(work: Callable[[Sequence[T]], R], items: Sequence[T], least: int) -> list[R]:
    """Return what `work` makes of each part of the items, in their order.

    It is one part, done here, where there are not twice `least` items, one core, or other threads,
    whose locks a fork would inherit. `work` must be pure: a part whose fork dies is done again
    here, and a bug in it shows as it always does. Results must pickle.
    """
    count = min(len(os.sched_getaffinity(0)), len(items) // least, _MOST)
    if count < 2 or not _alone():  # noqa: PLR2004
        return [work(items)]
    size = -(-len(items) // count)
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    forks: list[_Fork[R]] = []
    try:
        forks.extend(_start(work, part) for part in parts[1:])
        results = [work(parts[0])]
        for fork, part in zip(forks, parts[1:], strict=True):
            done = fork.result()
            results.append(work(part) if done is None else done[0])
        return results
    finally:
        for fork in forks:
            fork.end()


def _alone() -> bool:
    """Whether this process has one thread, libvirt's and those of tests included."""
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 (only their number)
    except OSError:
        return False


@dataclass(slots=True)
class _Fork(Generic[R]):
    pid: int
    pipe: int
    ended: bool = False

    def result(self) -> tuple[R] | None:
        """Wait for the result; None where the fork died."""
        import pickle

        with os.fdopen(self.pipe, "rb", closefd=False) as stream:
            raw = stream.read()
        _, status = os.waitpid(self.pid, 0)
        self.ended = True
        return None if status else (cast("R", pickle.loads(raw)),)  # noqa: S301 (our own fork)

    def end(self) -> None:
        """Leave nothing behind, whatever happened here."""
        import signal

        os.close(self.pipe)
        if not self.ended:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def _start(work: Callable[[Sequence[T]], R], part: Sequence[T]) -> _Fork[R]:
    inside, outside = os.pipe()
    pid = os.fork()
    if pid:
        os.close(outside)
        return _Fork(pid=pid, pipe=inside)
    status = 1
    try:
        import pickle

        with os.fdopen(outside, "wb") as stream:
            stream.write(pickle.dumps(work(part), protocol=5))
        status = 0
    finally:
        os._exit(status)  # no exception, no buffer and no exit handler of the parent's lives on


__all__ = ["share_out"]
