"""Work shared out over the CPU cores: forks of this process, each with a part, or in turns.

A fork inherits the items, so that only results travel, and nothing is imported twice, which is why
this is no multiprocessing.Pool (20 ms to import, and a pickle of every item).
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")
R = TypeVar("R")

_MOST = 8
"""Forks beyond that wait for the one process that reads their results."""

_NUMBER = 4
"""Bytes of an item's number where the next one is drawn from."""

_GLANCE = 0.2
"""Seconds between two looks at forks that still work."""


def share_out(work: Callable[[Sequence[T]], R], items: Sequence[T], least: int) -> list[R]:
    """Return what `work` makes of each part of the items, in their order.

    It is one part, done here, where there are not twice `least` items, one core, or other threads,
    whose locks a fork would inherit. `work` must be pure: a part whose fork dies is done again
    here, and a bug in it shows as it always does. Results must pickle.
    """
    count = _workers(len(items) // least)
    if count == 1:
        return [work(items)]
    size = -(-len(items) // count)
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    forks: list[_Fork[R]] = []
    try:
        for part in parts[1:]:
            forks.append(_start(partial(work, part), forks))
        results = [work(parts[0])]
        for fork, part in zip(forks, parts[1:], strict=True):
            done = fork.result()
            results.append(work(part) if done is None else done[0])
        return results
    finally:
        for fork in forks:
            fork.end()


def in_turns(
    work: Callable[[T], R], items: Sequence[T], workers: int, tell: Callable[[int], None]
) -> list[R]:
    """Return what `work` makes of each item, in their order; whoever is free takes the next one.

    It is for few items that take unequally long; the longest should come first. At most so many
    processes work, this one among them; what `share_out` says of forks holds here too. `tell`
    hears how many items are done: after each of this process, and while it waits for the others.
    """
    count = _workers(min(workers, len(items)))
    if count == 1:
        return list(_one_by_one(work, items, tell))
    turns = _Turns(len(items))
    forks: list[_Fork[dict[int, R]]] = []
    try:
        for _ in range(count - 1):
            forks.append(_start(lambda: dict(turns.take(work, items)), forks))
        found: dict[int, R] = {}
        for number, result in turns.take(work, items):
            found[number] = result
            tell(turns.taken - len(forks))
        for waited, fork in enumerate(forks):
            while not fork.is_ready():
                tell(len(items) - len(forks) + waited)
            done = fork.result()
            found |= done[0] if done else {}
        return [found[n] if n in found else work(item) for n, item in enumerate(items)]
    finally:
        for fork in forks:
            fork.end()
        turns.close()


def _one_by_one(
    work: Callable[[T], R], items: Sequence[T], tell: Callable[[int], None]
) -> Iterator[R]:
    for done, item in enumerate(items, start=1):
        yield work(item)
        tell(done)


def _workers(most: int) -> int:
    """Return how many processes shall work, this one among them."""
    count = min(len(os.sched_getaffinity(0)), most, _MOST)
    return count if count > 1 and _alone() else 1


def _alone() -> bool:
    """Whether this process has one thread, libvirt's and those of tests included."""
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 (only their number)
    except OSError:
        return False


class _Turns:
    """The numbers of all items, in a file without a name whose one offset the forks share.

    Linux reads and moves that offset in one step (POSIX 2017, 2.9.7), so nobody draws a number
    twice. It is no pipe, because that may hold as little as a page.
    """

    def __init__(self, count: int) -> None:
        self._parent = os.getpid()
        self._file = os.memfd_create("kvmc-turns")
        os.write(self._file, b"".join(n.to_bytes(_NUMBER, "little") for n in range(count)))
        os.lseek(self._file, 0, os.SEEK_SET)

    def take(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[int, R]]:
        """Yield items' numbers and results until all are taken, or the parent is gone."""
        while raw := os.read(self._file, _NUMBER):
            number = int.from_bytes(raw, "little")
            yield number, work(items[number])
            if self._parent not in (os.getpid(), os.getppid()):
                return

    @property
    def taken(self) -> int:
        """How many items somebody works on or has done."""
        return os.lseek(self._file, 0, os.SEEK_CUR) // _NUMBER

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)


class _Fork(Struct, Generic[R]):
    pid: int
    pipe: int
    ended: bool = False

    def is_ready(self) -> bool:
        """Wait a moment for the result, or the end."""
        import select

        return bool(select.select([self.pipe], [], [], _GLANCE)[0])

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


def _start(work: Callable[[], R], before: Sequence[_Fork[R]]) -> _Fork[R]:
    """Fork; only the parent may keep what the pipes are read from, those of forks `before` too.

    A fork whose parent was killed would otherwise write to a full pipe that it holds open itself,
    and wait without end.
    """
    inside, outside = os.pipe()
    pid = os.fork()
    if pid:
        os.close(outside)
        return _Fork(pid=pid, pipe=inside)
    status = 1
    try:
        import pickle

        for reader in (inside, *(fork.pipe for fork in before)):
            os.close(reader)
        with os.fdopen(outside, "wb") as stream:
            stream.write(pickle.dumps(work(), protocol=5))
        status = 0
    finally:
        os._exit(status)  # no exception, no buffer and no exit handler of the parent's lives on


__all__ = ["in_turns", "share_out"]
