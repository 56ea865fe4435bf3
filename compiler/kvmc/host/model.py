"""The frozen form of `kind: host`: facts (probed) and policy (written by a person).

What a source does not tell is None: nothing is made up. Ids are the kernel's where they are unique,
otherwise numbers given in the order of the lowest CPU.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import Struct

from kvmc.cpuset import EMPTY, CpuSet, union
from kvmc.diagnostics import Described

if TYPE_CHECKING:
    from kvmc.diagnostics import Place
    from kvmc.spec.model import CoreKind


class Core(Struct, frozen=True, kw_only=True):
    """The online thread siblings of one host core (Linux thread_siblings_list)."""

    cpus: tuple[int, ...]
    """Ascending host CPU ids, at least one."""
    package: int | None = None
    die: int | None = None
    """Unique within its package, as the kernel's die_id is."""
    node: int | None = None
    l3: int | None = None
    """Unique on the host; equal exactly for cores that share a level 3 cache."""
    kind: CoreKind | None = None


class Alike(NamedTuple):
    """Cores of one node and level 3 cache, with as many threads each."""

    node: int | None
    l3: int | None
    threads: int
    cores: tuple[int, ...]
    """Ascending indexes into `Host.cores`."""
    cpus: CpuSet
    """All their CPUs."""


class Node(Struct, frozen=True, kw_only=True):
    """A host NUMA node; one without CPUs has no core that names it."""

    id: int
    memory_kib: int | None = None
    """MemTotal of the node, huge pages included; None when unknown."""
    hugepages: tuple[tuple[int, int], ...] = ()
    """(page size in KiB, number of pages), ascending."""
    distances: tuple[tuple[int, int], ...] = ()
    """(node id, SLIT distance), ascending; () when unknown."""

    @property
    def plain_kib(self) -> int | None:
        """What the pools of huge pages leave in KiB, 0 where they hold more than all of it."""
        if self.memory_kib is None:
            return None
        return max(self.memory_kib - sum([size * count for size, count in self.hugepages]), 0)


class Policy(Struct, frozen=True, kw_only=True):
    """What a person decided about a host's CPUs."""

    reserved: CpuSet = EMPTY
    shared: CpuSet = EMPTY
    dedicated: CpuSet | None = None
    """None: online - reserved - shared - pools."""
    pools: tuple[tuple[str, CpuSet], ...] = ()
    """(owner, CPUs), sorted by owner."""
    overcommit: float = 4.0
    core_sharing: Literal["never", "allow"] = "never"

    @property
    def pooled(self) -> CpuSet:
        """CPUs that belong to someone else."""
        return union(cpus for _, cpus in self.pools)

    def carries(self, cpus: int) -> int:
        """Return how many shared vCPUs so many shared CPUs carry: overcommit as it is written.

        In floats 1.4 x 45 is less than 63.
        """
        if self.overcommit % 1 == 0:
            return int(self.overcommit) * cpus
        from decimal import Decimal  # few hosts need it

        return int(Decimal(repr(self.overcommit)) * cpus)


class HostModel(Struct, frozen=True, kw_only=True):
    """What libvirt makes of cpu mode host-model on this host (virsh domcapabilities)."""

    type: Literal["kvm", "qemu"]
    """The domain type it holds for: under TCG it is another one."""
    model: str
    features: tuple[tuple[str, str], ...] = ()
    """(libvirt's name, policy: require or disable), sorted by name."""


class Host(Described, frozen=True, kw_only=True, dict=True):
    """A host: cores in ascending order of their lowest CPU, nodes in ascending order of id."""

    name: str
    arch: str | None = None
    model: str | None = None
    nodes: tuple[Node, ...] = ()
    cores: tuple[Core, ...] = ()
    offline: CpuSet = EMPTY
    isolated: CpuSet = EMPTY
    policy: Policy = Policy()
    host_models: tuple[HostModel, ...] = ()
    """By domain type; empty where no libvirt was asked. Placement does not depend on it."""
    place: Place | None = None
    """The document the host was read from; None for a probed one."""

    @cached_property
    def alike(self) -> tuple[Alike, ...]:
        """The cores in groups of like ones, by their lowest CPU."""
        found: dict[tuple[int | None, int | None, int], list[int]] = {}
        for index, core in enumerate(self.cores):
            found.setdefault((core.node, core.l3, len(core.cpus)), []).append(index)
        cores = self.cores
        return tuple(
            [
                Alike(*key, tuple(mine), CpuSet([cpu for n in mine for cpu in cores[n].cpus]))
                for key, mine in found.items()
            ]
        )

    @cached_property
    def online(self) -> CpuSet:
        """All CPUs of all cores."""
        return union([group.cpus for group in self.alike])

    @cached_property
    def core_of(self) -> dict[int, Core]:
        """Online CPU id -> its core."""
        return {cpu: core for core in self.cores for cpu in core.cpus}

    @cached_property
    def home_of(self) -> dict[int, int]:
        """Online CPU id -> the lowest CPU of its core."""
        return {cpu: core.cpus[0] for core in self.cores for cpu in core.cpus}

    @cached_property
    def node_cpus(self) -> dict[int, CpuSet]:
        """Node id -> its online CPUs, for every node, those without CPUs included."""
        sets = dict.fromkeys([node.id for node in self.nodes], EMPTY)
        for group in self.alike:
            if group.node is not None:
                sets[group.node] = sets.get(group.node, EMPTY) | group.cpus
        return sets

    @cached_property
    def fingerprint(self) -> str:
        """`sha256:...` over the facts, not over policy, name, host-model or the file's grouping."""
        import hashlib  # checking a file needs neither
        import json

        facts = {
            "arch": self.arch,
            "model": self.model,
            "nodes": [[n.id, n.memory_kib, n.hugepages, n.distances] for n in self.nodes],
            "cores": [[c.cpus, c.package, c.die, c.node, c.l3, c.kind] for c in self.cores],
            "offline": str(self.offline),
            "isolated": str(self.isolated),
        }
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
