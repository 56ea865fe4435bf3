"""What one source says about a host, CPU by CPU, before it is joined into a `Host`.

Every reader (sysfs, capabilities, hwloc) fills this one shape; `assemble` judges it. A statement
that a source does not make is None, so that nothing has to be invented on the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.cpuset import EMPTY

if TYPE_CHECKING:
    from kvmc.cpuset import CpuSet


class CpuFacts(Struct, frozen=True, kw_only=True):
    """What a source says about one online CPU; every set holds the CPU itself."""

    id: int
    siblings: CpuSet | None = None
    """Thread siblings (Linux core_cpus_list)."""
    package_id: int | None = None
    package_cpus: CpuSet | None = None
    die_id: int | None = None
    die_cpus: CpuSet | None = None
    l3: CpuSet | None = None
    """CPUs that share its level 3 cache; None where there is none or nobody knows."""


class NodeFacts(Struct, frozen=True, kw_only=True):
    """What a source says about one host NUMA node."""

    id: int
    cpus: CpuSet = EMPTY
    """As listed: may overlap with another node and name CPUs that are offline."""
    memory_kib: int | None = None
    hugepages: tuple[tuple[int, int], ...] = ()
    distances: tuple[tuple[int, int], ...] = ()


class Facts(Struct, frozen=True, kw_only=True):
    """All that one source says about a host."""

    name: str
    file: str
    """The file or folder that diagnostics name."""
    arch: str | None = None
    model: str | None = None
    cpus: tuple[CpuFacts, ...] = ()
    nodes: tuple[NodeFacts, ...] = ()
    """In the order in which they claim CPUs: a CPU counts for the first node that lists it."""
    overlaps: bool = False
    """Whether memory-only nodes list their neighbours' CPUs (hwloc); else that is an error."""
    kinds: tuple[CpuSet, ...] = ()
    """CPUs of one kind of core each, fastest kind first; () when all are alike or unknown."""
    memory_kib: int | None = None
    """Of the whole machine; used only where there is no node."""
    hugepages: tuple[tuple[int, int], ...] = ()
    offline: CpuSet = EMPTY
    isolated: CpuSet = EMPTY
    allowed_cpus: CpuSet | None = None
    """What a cpuset leaves to the reading process; None: no limit known."""
    allowed_nodes: CpuSet | None = None
