"""The text of /proc files about processes and threads, as values.

Formats: proc(5); Documentation/filesystems/proc.rst, tables 1-2 and 1-4.
"""

from __future__ import annotations

from msgspec import Struct

from kvmc.cpuset import CpuSet, CpuSetError

_KERNEL_THREAD = 0x00200000
"""PF_KTHREAD of include/linux/sched.h."""
_BOUND = 0x04000000
"""PF_NO_SETAFFINITY."""

# Fields of stat after the name, counted from the state (field 3 of proc(5)).
_PPID, _FLAGS, _START, _CPU, _PRIORITY, _POLICY = 1, 6, 19, 36, 37, 38

POLICIES = {0: "other", 1: "fifo", 2: "rr", 3: "batch", 5: "idle", 6: "deadline", 7: "ext"}
"""Number of a scheduling policy -> its name in lower case (sched(7))."""


class Stat(Struct, frozen=True, kw_only=True):
    """What /proc/PID/task/TID/stat tells."""

    name: str
    """The thread's name, at most 15 bytes."""
    zombie: bool
    """Whether it has ended, and its parent has not asked yet."""
    parent: int
    kernel: bool
    """Whether it is a thread of the kernel."""
    bound: bool
    """Whether the kernel lets nobody change its affinity, as with its per-CPU threads."""
    started: int
    """Clock ticks after boot; with the pid it names a process for good."""
    cpu: int
    """The CPU it runs on, or last ran on."""
    policy: str
    priority: int
    """1-99 with fifo and rr, else 0."""


def parse_stat(text: str) -> Stat | None:
    """Read a stat line; None where it is none (the thread ended while it was read, say)."""
    # A name may hold blanks and parentheses: it ends at the last one.
    head, _, tail = text.rpartition(")")
    name = head.partition("(")[2]
    fields = tail.split()
    try:
        numbers = {at: int(fields[at]) for at in (_PPID, _FLAGS, _START, _CPU, _PRIORITY, _POLICY)}
    except (IndexError, ValueError):
        return None
    return Stat(
        name=name,
        zombie=fields[0] in ("Z", "X"),
        parent=numbers[_PPID],
        kernel=bool(numbers[_FLAGS] & _KERNEL_THREAD),
        bound=bool(numbers[_FLAGS] & _BOUND),
        started=numbers[_START],
        cpu=numbers[_CPU],
        policy=POLICIES.get(numbers[_POLICY], str(numbers[_POLICY])),
        priority=numbers[_PRIORITY],
    )


def parse_allowed(status: str) -> CpuSet | None:
    """Return `Cpus_allowed_list` of a status file: what sched_setaffinity and cpusets leave."""
    for line in status.splitlines():
        key, _, value = line.partition(":")
        if key == "Cpus_allowed_list":
            try:
                return CpuSet.parse(value.strip())
            except CpuSetError:
                return None
    return None


def parse_command(content: bytes) -> tuple[str, ...]:
    """Return the arguments of a cmdline file; () for threads of the kernel."""
    text = content.decode("utf-8", "replace")
    return tuple(text.removesuffix("\0").split("\0")) if text else ()


def hides_processes(mountinfo: str) -> bool:
    """Whether /proc is mounted so that other users' processes are not shown (hidepid, proc(5))."""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        places = left.split()
        if len(places) > 4 and places[4] == "/proc" and right.startswith("proc "):  # noqa: PLR2004 - the fifth field is the mount point
            options = right.split()[-1].split(",")
            return any(
                o.startswith("hidepid=") and o not in ("hidepid=0", "hidepid=off") for o in options
            )
    return False
