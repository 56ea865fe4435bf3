"""The effect of looking: all processes and threads of this machine, from /proc."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.cpuset import EMPTY, CpuSet, CpuSetError
from kvmc.runtime.proc import Stat, hides_processes, parse_allowed, parse_command, parse_stat

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path("/")


class Thread(Struct, frozen=True, kw_only=True):
    """One thread; its process's main thread has the process's id."""

    id: int
    stat: Stat
    allowed: CpuSet


class Process(Struct, frozen=True, kw_only=True):
    """One process."""

    pid: int
    command: tuple[str, ...]
    """Its arguments; () for the kernel's."""
    threads: tuple[Thread, ...]
    """By id; at least one."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """What was there, nearly at one moment."""

    processes: tuple[Process, ...]
    """By pid."""
    online: CpuSet
    unreadable: tuple[int, ...] = ()
    """Pids that are there and would not be read."""
    hidden: bool = False
    """Whether /proc shows only the own processes."""


def scan() -> Snapshot:
    """Read every process; one that ends meanwhile is as if it had not been there."""
    proc = ROOT / "proc"
    processes: list[Process] = []
    unreadable: list[int] = []
    for pid in _numbers(proc):
        try:
            process = _process(proc / str(pid), pid)
        except PermissionError:
            unreadable.append(pid)
        except OSError:
            continue
        else:
            processes += [process] if process else []
    return Snapshot(
        processes=tuple(processes),
        online=_online(),
        unreadable=tuple(unreadable),
        hidden=os.geteuid() != 0 and hides_processes(_text(proc / "self" / "mountinfo")),
    )


def _process(folder: Path, pid: int) -> Process | None:
    threads = tuple(_threads(folder / "task"))
    command = parse_command((folder / "cmdline").read_bytes())
    return Process(pid=pid, command=command, threads=threads) if threads else None


def _threads(folder: Path) -> Iterator[Thread]:
    for thread in _numbers(folder):
        try:
            stat = parse_stat((folder / str(thread) / "stat").read_text("utf-8", "replace"))
            status = (folder / str(thread) / "status").read_text("utf-8", "replace")
        except PermissionError:
            raise
        except OSError:
            continue
        allowed = parse_allowed(status)
        if stat is not None and allowed is not None and not stat.zombie:
            yield Thread(id=thread, stat=stat, allowed=allowed)


def _numbers(folder: Path) -> list[int]:
    return sorted(int(name) for name in os.listdir(folder) if name.isdecimal())  # noqa: PTH208 - a third of the time of iterdir


def _online() -> CpuSet:
    try:
        return CpuSet.parse(_text(ROOT / "sys/devices/system/cpu/online").strip())
    except CpuSetError:
        return EMPTY


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
