"""The frozen form of `kind: vm`: every default filled in, every size in KiB.

Words are libvirt's (formatdomain.html) and Nova's (hw:cpu_policy, hw:cpu_thread_policy).
"""

from __future__ import annotations

from math import prod
from typing import Literal

from msgspec import Struct

from kvmc.cpuset import EMPTY, CpuSet, span
from kvmc.diagnostics import Described, Place

CpuMode = Literal["host-model", "host-passthrough", "maximum", "custom"]
NumaMode = Literal["strict", "preferred", "interleave", "restrictive"]
Strategy = Literal["none", "shared", "dedicated", "mixed", "manual"]
Threads = Literal["prefer", "require", "isolate"]
CoreKind = Literal["performance", "efficiency", "low-power"]
Wish = Literal["prefer", "require"]
ThreadPlace = Literal["own", "share", "isolate"] | CpuSet
"""Where emulator or I/O threads run: a word of Nova's hw:emulator_threads_policy, or host CPUs."""


class Topology(Struct, frozen=True, kw_only=True):
    """A guest CPU topology in the order libvirt prints it; the product is the vCPU ceiling."""

    sockets: int = 1
    dies: int = 1
    clusters: int = 1
    cores: int = 1
    threads: int = 1

    @property
    def vcpus(self) -> int:
        """The number of vCPUs the topology holds."""
        return prod((self.sockets, self.dies, self.clusters, self.cores, self.threads))


class CpuCache(Struct, frozen=True, kw_only=True):
    """libvirt's <cache>: `level` only with mode emulate."""

    mode: Literal["emulate", "passthrough", "disable"]
    level: int | None = None


class Cpu(Struct, frozen=True, kw_only=True):
    """vCPU counts, topology and model. None means: not asked, libvirt's default."""

    count: int
    max: int
    topology: Topology | None = None
    mode: CpuMode | None = None
    model: str | None = None
    fallback: Literal["allow", "forbid"] | None = None
    match: Literal["minimum", "exact", "strict"] | None = None
    check: Literal["none", "partial", "full"] | None = None
    migratable: bool | None = None
    features: tuple[tuple[str, str], ...] = ()
    """(name, policy), sorted by name."""
    cache: CpuCache | None = None


class Cell(Struct, frozen=True, kw_only=True):
    """A guest NUMA cell; its id is its position in the list."""

    id: int
    cpus: CpuSet
    """vCPU ids."""
    memory_kib: int
    access: Literal["shared", "private"] | None = None
    hugepages_kib: int | None = None
    """Page size in KiB, from the cell or from memory_backing."""
    discard: bool | None = None
    distances: tuple[tuple[int, int], ...] = ()
    """(cell id, distance), ascending."""


class Numa(Struct, frozen=True, kw_only=True):
    """Guest cells and the memory policy that binds them to host nodes."""

    mode: NumaMode = "strict"
    cells: tuple[Cell, ...] = ()


class Pin(Struct, frozen=True, kw_only=True):
    """How vCPUs, emulator and I/O threads get host CPUs."""

    strategy: Strategy = "none"
    threads: Threads = "prefer"
    vcpus: CpuSet | None = None
    """With mixed: the dedicated vCPUs."""
    map: tuple[tuple[int, CpuSet], ...] = ()
    """With manual: (vCPU, host CPUs), ascending."""
    cpus: CpuSet | None = None
    """The only host CPUs that may be dedicated; None for all."""
    kind: CoreKind | None = None
    """The only kind of core that may be dedicated; None for any."""
    l3: Wish = "prefer"
    numa: Wish = "prefer"
    emulator: ThreadPlace = "own"
    iothreads: ThreadPlace = "own"


class Scheduler(Struct, frozen=True, kw_only=True):
    """libvirt's <vcpusched>; priority 1-99, only with fifo and rr."""

    vcpus: CpuSet
    policy: Literal["batch", "idle", "fifo", "rr"]
    priority: int | None = None

    @property
    def realtime(self) -> bool:
        """Whether the class starves everything else on its CPU: SCHED_FIFO or SCHED_RR."""
        return self.policy in ("fifo", "rr")


class Tune(Struct, frozen=True, kw_only=True):
    """libvirt's <cputune>: shares relative, period and quota in microseconds."""

    shares: int | None = None
    period: int | None = None
    quota: int | None = None
    scheduler: tuple[Scheduler, ...] = ()


class MemoryBacking(Struct, frozen=True, kw_only=True):
    """libvirt's <memoryBacking>."""

    hugepages_kib: int | None = None
    locked: bool = False
    nosharepages: bool = False
    source: Literal["anonymous", "file", "memfd"] | None = None
    access: Literal["shared", "private"] | None = None
    allocation: Literal["immediate", "ondemand"] | None = None


class Features(Struct, frozen=True, kw_only=True):
    """The hypervisor features that matter to CPUs; None: not asked."""

    kvm_hidden: bool | None = None
    kvm_hint_dedicated: bool | None = None
    pmu: bool | None = None


class Boot(Struct, frozen=True, kw_only=True):
    """Direct kernel boot: paths on the host."""

    kernel: str
    initrd: str | None = None
    cmdline: str | None = None


class Disk(Struct, frozen=True, kw_only=True):
    """A file-backed virtio disk."""

    file: str
    format: str = "qcow2"


class Machine(Struct, frozen=True, kw_only=True):
    """The rest of the domain: a base XML, or a minimal machine."""

    base: str | None = None
    """Path of a libvirt domain XML, relative to the spec's file."""
    machine: str | None = None
    type: Literal["kvm", "qemu"] | None = None
    emulator: str | None = None
    boot: Boot | None = None
    disks: tuple[Disk, ...] = ()
    serial: str | None = None
    """Path of a log file, or "pty"."""


class Vm(Described, frozen=True, kw_only=True):
    """One VM's intent."""

    name: str
    memory_kib: int
    cpu: Cpu
    host: str | None = None
    numa: Numa = Numa()
    pin: Pin = Pin()
    iothreads: int = 0
    tune: Tune = Tune()
    memory_backing: MemoryBacking = MemoryBacking()
    features: Features = Features()
    machine: Machine = Machine()
    place: Place = Place(file="")
    """The document the VM was read from."""

    @property
    def dedicated(self) -> CpuSet:
        """The vCPUs (0..max-1) that get host CPUs of their own under dedicated and mixed."""
        if self.pin.strategy == "dedicated":
            return span(self.cpu.max)
        if self.pin.strategy == "mixed":
            return self.pin.vcpus or EMPTY
        return EMPTY

    @property
    def realtime(self) -> CpuSet:
        """The vCPUs with a real-time scheduler class."""
        return CpuSet(v for s in self.tune.scheduler if s.realtime for v in s.vcpus)

    def cell_of(self, vcpu: int) -> int | None:
        """Return the guest cell of a vCPU; None without cells."""
        return next((c.id for c in self.numa.cells if vcpu in c.cpus), None)
