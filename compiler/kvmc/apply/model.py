"""The frozen form of what runs on a host, and of what differs from the specs.

Three columns of truth stand beside the spec: libvirt's inactive XML (what the next boot takes),
its live XML (what libvirt thinks is running) and the kernel's own word (what is).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from kvmc.cpuset import EMPTY

if TYPE_CHECKING:
    from kvmc.cpuset import CpuSet

Role = Literal["vcpu", "iothread", "emulator"]
State = Literal[
    "shut off", "running", "paused", "blocked", "shutting down", "crashed", "suspended", "unknown"
]
CgroupVersion = Literal[1, 2]


class HypervisorError(Exception):
    """libvirt is missing, cannot be reached or refused; str() says it in words. Exit code 4."""


class Thread(Struct, frozen=True, kw_only=True):
    """One thread of a guest's QEMU, as /proc/PID/task/TID tells it."""

    tid: int
    role: Role
    id: int | None
    """The vCPU's (from 0) or I/O thread's (from 1) id; None for emulator threads."""
    name: str
    cpus: CpuSet
    """Cpus_allowed_list: where the scheduler may run it."""
    last_cpu: int
    """The CPU it ran on last."""
    policy: str
    """other, fifo, rr, batch, idle, deadline, ext: sched(7) without SCHED_."""
    priority: int = 0
    """1-99 with fifo and rr, else 0."""
    cgroup: str | None = None
    """Its cpuset cgroup below the mount."""
    effective: CpuSet | None = None
    """That cgroup's effective CPUs; None where they cannot be read."""
    period: int | None = None
    """Of a vCPU, the period of its cpu cgroup in microseconds; None where it cannot be read."""
    quota: int | None = None
    """Of a vCPU, the CPU time its cgroup has in a period, in microseconds; -1: no limit."""


class Observed(Struct, frozen=True, kw_only=True):
    """One domain as libvirt and, on this machine, the kernel have it."""

    name: str
    uuid: str
    state: State
    inactive: str | None
    """The persistent definition (`virsh dumpxml --inactive`); None for a transient domain.

    With a read-only connection libvirt leaves secrets out (graphics passwords): such a text is for
    comparing and must never be defined.
    """
    live: str | None = None
    """The running guest's XML; None where it does not run."""
    scheduler: tuple[tuple[str, int], ...] = ()
    """What the guest's cgroups have, as libvirtd reads them there: cpu_shares (cgroup v2:
    cpu.weight), vcpu_period and vcpu_quota of vCPU 0 alone (virDomainGetSchedulerParametersFlags):
    what the others have stands in `threads`.
    Empty where it does not run, and where the host has no cpu controller."""
    managed_save: bool = False
    """Whether a saved image waits, which brings its own, older pins at the next start."""
    pid: int | None = None
    """QEMU's process; None where the kernel was not looked at or has none."""
    threads: tuple[Thread, ...] = ()
    """By tid; () where the kernel was not looked at."""

    @property
    def running(self) -> bool:
        """Whether there is a guest that a live change could reach."""
        return self.live is not None


class HostIdentity(Struct, frozen=True, kw_only=True):
    """The other end of a connection."""

    uri: str
    """As the user gave it."""
    hostname: str
    """As libvirtd's machine calls itself."""
    driver: str
    """`QEMU`, or `TEST` for libvirt's made-up host."""
    libvirt: str
    """libvirtd's version, e.g. 9.0.0."""
    local: bool
    """Whether the guests' threads are this machine's, so that the kernel can be asked."""


class Observation(Struct, frozen=True, kw_only=True):
    """All domains of a host, by name."""

    host: HostIdentity
    domains: tuple[Observed, ...]
    kernel: bool = False
    """Whether the kernel was asked; where not, `verify` says so and never passes it as checked."""
    cgroup: CgroupVersion | None = None
    """The cgroup version of the CPU controller; None where unknown."""
    online: CpuSet = EMPTY
    """The host's online CPUs, as libvirt tells them; empty where unknown."""

    def find(self, name: str) -> Observed | None:
        """Return the domain of that name; None where there is none."""
        return next((domain for domain in self.domains if domain.name == name), None)


class Label(StrEnum):
    """What a change does to a running guest; apply never exceeds it."""

    LIVE = "live"
    """It is changed in the running guest, and in the definition where that differs too."""
    NEXT_BOOT = "next boot"
    """Only the definition can change; the running guest keeps the old until it is started anew."""
    NONE = "none"
    """Only the definition differs: nothing that runs has to change."""


class Change(Struct, frozen=True, kw_only=True):
    """One setting that is not everywhere what the spec says.

    `path` is one of: memory, currentMemory, memoryBacking/*, vcpu/max, vcpu/current,
    vcpu/placement, vcpu/cpuset, iothreads (the set of ids), cputune/shares, cputune/period,
    cputune/quota, vcpupin/ID, emulatorpin, iothreadpin/ID, vcpusched/ID, numatune/memory,
    numatune/memnode/CELL, features/*, cpu/* (cpu/topology, cpu/mode, cpu/model,
    cpu/feature/NAME, cpu/numa/ID/*, ...). Values are in one canonical form: CPU sets as the kernel
    prints them, sizes as `32GiB`, times in microseconds. None stands for libvirt's default
    (no pin, no limit), and for what is not known or not there.
    """

    path: str
    wanted: str | None
    inactive: str | None = None
    live: str | None = None
    kernel: str | None = None
    label: Label
    in_inactive: bool = False
    """Whether the definition differs from the spec."""
    in_live: bool = False
    """Whether the live XML does."""
    in_kernel: bool = False
    """Whether the kernel does."""

    @property
    def pending(self) -> bool:
        """Whether there is nothing left to apply: it waits for the guest's next boot."""
        return self.label is Label.NEXT_BOOT and not self.in_inactive


class DomainDiff(Struct, frozen=True, kw_only=True):
    """All differences of one VM, by path; `new` where libvirt has no such domain."""

    name: str
    new: bool
    state: State | None
    """None for a new domain."""
    running: bool = False
    """Whether there is live XML; of a crashed guest that is kept, too (<on_crash>preserve)."""
    changes: tuple[Change, ...] = ()
    wanted_xml: str = ""
    """What apply would define: the artefact of a new domain, else the inactive XML with the
    elements that kvmc owns replaced."""
    inactive_xml: str | None = None

    @property
    def differs(self) -> bool:
        """Whether anything is not what the spec says."""
        return self.new or bool(self.changes)

    @property
    def to_apply(self) -> tuple[Change, ...]:
        """The changes that apply could make now; the others wait for the next boot."""
        return tuple(change for change in self.changes if not change.pending)
