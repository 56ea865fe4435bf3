"""The effect of pinning: sched_setaffinity, sched_setscheduler, and reading back what is so.

Affinities are read from /proc, not from sched_getaffinity: that is what people and `kvmc ps` see.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from kvmc.diagnostics import Diagnostic, error, warning
from kvmc.runtime.proc import parse_allowed
from kvmc.runtime.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmc.cpuset import CpuSet
    from kvmc.runtime.threads import Order

PROC = Path("/proc")


def task_ids(pid: int) -> tuple[int, ...]:
    """Return the ids of a process's threads, ascending; () where it is gone."""
    try:
        return tuple(sorted(int(task.name) for task in (PROC / str(pid) / "task").iterdir()))
    except OSError:
        return ()


def allowed(pid: int, threads: Iterable[int]) -> dict[int, CpuSet]:
    """Return thread id -> CPUs it may use, without the threads that ended."""
    found: dict[int, CpuSet] = {}
    for thread in threads:
        try:
            status = (PROC / str(pid) / "task" / str(thread) / "status").read_text("utf-8")
        except OSError:
            continue
        cpus = parse_allowed(status)
        if cpus is not None:
            found[thread] = cpus
    return found


def obey(name: str, order: Order) -> tuple[Diagnostic, ...]:
    """Pin one thread and set its class; KV764 where the kernel refuses the class.

    Raises Trouble (KV763) where it refuses the CPUs: sched_setaffinity(2), EINVAL where none of
    them is online or in the cpuset, EPERM where the process is another user's. A thread that
    ended is no trouble.
    """
    try:
        if order.cpus is not None:
            os.sched_setaffinity(order.thread, order.cpus)
    except OSError as refusal:
        if refusal.errno == errno.ESRCH and order.who == "emulator":
            return ()
        raise Trouble(_refused(name, order, refusal)) from refusal
    return _set_class(name, order)


def _refused(name: str, order: Order, refusal: OSError) -> Diagnostic:
    reason = (refusal.strerror or str(refusal)).lower()
    hint = (
        "none of these CPUs is online and in the cpuset this process runs in"
        if refusal.errno == errno.EINVAL
        else "pinning needs the user that QEMU runs as, or CAP_SYS_NICE"
    )
    text = f"{name}: {order.who} cannot be pinned to {order.cpus}: {reason}"
    return error("KV763", text, hint=hint)


def _set_class(name: str, order: Order) -> tuple[Diagnostic, ...]:
    wanted = order.scheduler
    if wanted is None:
        return ()
    policy = getattr(os, f"SCHED_{wanted.policy.upper()}")
    try:
        os.sched_setscheduler(order.thread, policy, os.sched_param(wanted.priority))
    except OSError as refusal:
        reason = (refusal.strerror or str(refusal)).lower()
        text = f"{name}: {order.who} cannot be given {wanted}: {reason}"
        hint = "run as root, or raise RLIMIT_RTPRIO (`ulimit -r`)"
        return (warning("KV764", text, hint=hint),)
    return ()
