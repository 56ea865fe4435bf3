"""Who really runs where: the rows of `kvmc ps`, from a snapshot. Pure.

A thread is *pinned* when it may not use every CPU that process 1 may use, which is where all that
nobody pinned runs (with isolcpus= or systemd's CPUAffinity= those are not all CPUs).

A thread shares the CPU that it last ran on with the guest threads that last ran there too or are
pinned to a set that contains it, and with threads of other programs that are pinned so; those of
the kernel itself are on every CPU and are left out.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.runtime.identity import (
    Role,
    guest_name,
    has_thread_names,
    is_qemu,
    role_of,
    starter,
    vhost_owner,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from kvmc.cpuset import CpuSet
    from kvmc.runtime.scan import Process, Snapshot, Thread


class Seen(Struct, frozen=True, kw_only=True):
    """A thread, and whose it is."""

    process: int
    """The guest's QEMU, also for threads that the kernel has for it."""
    thread: int
    program: str
    """The guest's name for a thread of QEMU, the thread's own name for others."""
    by: str | None
    """Who started the guest: kvmc, libvirt or hand; None: no guest's thread."""
    role: Role | None
    """None: no guest's thread."""
    kernel: bool
    allowed: CpuSet
    pinned: bool
    cpu: int
    """The CPU it runs on, or last ran on."""
    policy: str

    def on(self, cpu: int) -> bool:
        """Whether the thread belongs to a CPU: it is pinned there, or last ran there."""
        return self.cpu == cpu or (self.pinned and cpu in self.allowed)

    @property
    def label(self) -> str:
        """Who it is, in words: `lianhua vCPU 3`, `irqbalance`."""
        return self.program if self.role is None else f"{self.program} {self.role}"


class Row(Struct, frozen=True, kw_only=True):
    """A guest's thread and its company on the CPU it last ran on."""

    seen: Seen
    others: tuple[Seen, ...]

    @property
    def company(self) -> tuple[str, ...]:
        """The others in words, equal ones counted: `web emulator x3`.

        First threads of other guests, then of other programs, then of the own guest, without its
        name.
        """
        own = self.seen.process
        ordered = sorted(self.others, key=lambda o: (o.process == own, o.role is None, _rank(o)))
        counts = Counter(str(o.role) if o.process == own else o.label for o in ordered)
        return tuple(label if n == 1 else f"{label} x{n}" for label, n in counts.items())


def see(snapshot: Snapshot, registered: Container[int]) -> tuple[Seen, ...]:
    """Return every thread; `registered`: pids of guests that `kvmc run` started."""
    guests = {p.pid: _guest(p, registered) for p in snapshot.processes if is_qemu(p.command)}
    free = _free(snapshot)
    return tuple(
        _seen(process, thread, guests, free)
        for process in snapshot.processes
        for thread in process.threads
    )


def _free(snapshot: Snapshot) -> CpuSet:
    """Return the CPUs of what nobody pinned: those of process 1, as far as they are online."""
    first = next((p for p in snapshot.processes if p.pid == 1), None)
    return snapshot.online & first.threads[0].allowed if first else snapshot.online


def _guest(process: Process, registered: Container[int]) -> tuple[str, str]:
    name = guest_name(process.command) or f"pid {process.pid}"
    return name, starter(process.command, registered=process.pid in registered)


def _seen(
    process: Process, thread: Thread, guests: dict[int, tuple[str, str]], free: CpuSet
) -> Seen:
    owner = _owner(process, thread)
    name, by = guests.get(owner, (thread.stat.name, None))
    main = thread.id == process.pid
    return Seen(
        process=owner if by else process.pid,
        thread=thread.id,
        program=name,
        by=by,
        role=role_of(thread.stat.name, main=main) if by else None,
        kernel=thread.stat.kernel,
        allowed=thread.allowed,
        pinned=not free <= thread.allowed,
        cpu=thread.stat.cpu,
        policy=thread.stat.policy,
    )


def _owner(process: Process, thread: Thread) -> int:
    return (vhost_owner(thread.stat.name) or process.pid) if thread.stat.kernel else process.pid


_ORDER = {"vcpu": 0, "iothread": 1, "vhost": 2, "emulator": 3}


def _rank(seen: Seen) -> tuple[str, int, int, int, str, int]:
    """Sort by guest, then vCPUs by number, I/O threads, vhost, emulator threads."""
    role = seen.role or Role(kind="emulator")
    number = int(role.name) if role.name.isdecimal() else 0
    return seen.program, seen.process, _ORDER[role.kind], number, role.name, seen.thread


def rows(threads: Sequence[Seen]) -> tuple[Row, ...]:
    """Return a row for every guest thread."""
    guests = sorted((t for t in threads if t.role is not None), key=_rank)
    company = [t for t in threads if t.role is not None or (t.pinned and not t.kernel)]
    # by CPU first: large hosts have thousands of threads, and few CPUs beside that
    by_cpu = {cpu: [t for t in company if t.on(cpu)] for cpu in {t.cpu for t in guests}}
    return tuple(
        Row(seen=seen, others=tuple(o for o in by_cpu[seen.cpu] if o.thread != seen.thread))
        for seen in guests
    )


def on_cpu(threads: Iterable[Seen], cpu: int) -> tuple[Seen, ...]:
    """Return all threads that belong to one CPU: guests first, then programs, then the kernel."""
    found = (t for t in threads if t.on(cpu))
    return tuple(sorted(found, key=lambda t: (t.role is None, t.kernel, _rank(t))))


def unnamed(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the guests whose QEMU does not name its threads, so that no vCPU can be told."""
    return tuple(
        guest_name(p.command) or f"pid {p.pid}"
        for p in snapshot.processes
        if is_qemu(p.command) and not has_thread_names(p.command)
    )
