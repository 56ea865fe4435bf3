"""The frozen form of a picture: what SVG and HTML show, before either decides where it stands.

Every text is free of control characters and otherwise as the user wrote it: escaping is the
writers' business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.cpuset import EMPTY, CpuSet

if TYPE_CHECKING:
    from collections.abc import Iterator


class Cpu(Struct, frozen=True, kw_only=True):
    """One host CPU."""

    id: int
    look: str
    """A key of `palette.LOOKS`, or `vm`."""
    sign: str
    """The letter of a VM, or the sign of the use; "" for a free CPU."""
    tenant: int | None
    """The VM that has the CPU for itself, by its place in `Picture.tenants`."""
    isolated: bool
    why: tuple[str, ...]
    """What runs here, then where it stands; the first line begins with the CPU's number."""


class Core(Struct, frozen=True, kw_only=True):
    """Thread siblings, ascending."""

    cpus: tuple[Cpu, ...]


class Share(Struct, frozen=True, kw_only=True):
    """Memory of one VM on one node."""

    tenant: int
    kib: int


class Memory(Struct, frozen=True, kw_only=True):
    """A node's memory, and what VMs have bound of it."""

    node: int
    total_kib: int | None
    shares: tuple[Share, ...]
    text: str

    @property
    def bound_kib(self) -> int:
        """What is bound; it may be more than there is under `numa.mode: restrictive`."""
        return sum(share.kib for share in self.shares)


class Box(Struct, frozen=True, kw_only=True):
    """A package, node or cache with what it holds; "" as label: nothing is known to name."""

    level: str
    """`package`, `node` or `cache`."""
    label: str
    memory: Memory | None = None
    boxes: tuple[Box, ...] = ()
    cores: tuple[Core, ...] = ()

    @property
    def named(self) -> bool:
        """Whether a frame says anything: a package or node that is not known gets none."""
        return bool(self.label or self.memory or self.cores)

    @property
    def cpus(self) -> Iterator[Cpu]:
        """All CPUs of the box, in the order in which they are drawn."""
        for box in self.boxes:
            yield from box.cpus
        yield from (cpu for core in self.cores for cpu in core.cpus)


class Tenant(Struct, frozen=True, kw_only=True):
    """A VM that is placed on the host; `number` is its place in `Picture.tenants`."""

    number: int
    name: str
    letter: str
    dedicated: int
    """How many CPUs it has for itself."""
    summary: tuple[str, ...]
    """What a person wants to know of it, a sentence a line."""
    vcpus: tuple[tuple[int, CpuSet], ...] = ()
    """(vCPU, host CPUs), ascending."""
    emulator: CpuSet = EMPTY
    iothreads: tuple[tuple[int, CpuSet], ...] = ()
    memory_nodes: CpuSet = EMPTY
    held: CpuSet = EMPTY
    """The CPUs of a VM that only the lock knows of: which thread has which is not known."""


class Entry(Struct, frozen=True, kw_only=True):
    """A line of the legend."""

    look: str
    sign: str
    text: str
    tenant: int | None = None


class Table(Struct, frozen=True, kw_only=True):
    """Totals, a row a node."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Picture(Struct, frozen=True, kw_only=True):
    """One host."""

    name: str
    about: str
    boxes: tuple[Box, ...]
    offline: tuple[Cpu, ...]
    legend: tuple[Entry, ...]
    totals: Table
    tenants: tuple[Tenant, ...]
    unplaced: tuple[str, ...]
    """A sentence for each VM that got no place."""

    @property
    def cpus(self) -> list[Cpu]:
        """All CPUs, the offline ones too, ascending."""
        drawn = (cpu for box in self.boxes for cpu in box.cpus)
        return sorted((*drawn, *self.offline), key=lambda cpu: cpu.id)
