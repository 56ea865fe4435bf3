"""Hosts for pictures: one with everything on it, one with 896 CPUs, and odd nestings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.host.model import Core, Host, Node
from kvmc.planner.model import CellPlan, HostPlan, Unplaced
from kvmc.report.picture.compose import compose
from kvmc.report.picture.memory import Asked
from tests.property.hosts import GIB, synthetic
from tests.unit.report.plans import floating, iothread, plan, vm

if TYPE_CHECKING:
    from kvmc.report.picture.model import Picture

FULL_MEMORY = {"rt": Asked(4 * GIB), "web": Asked(GIB), "x-hand": Asked(GIB)}
EVIL = "</script><img src=x onerror=\"document.title='owned'\">&'\\u0026]]>"


def full_host() -> Host:
    """Return 2 nodes of 2 caches of 4 cores: (0,16) to (15,31), with every use there is."""
    host = synthetic(
        "node:2 l3:2 core:4 pu:2",
        pages=4,
        reserved=CpuSet([0, 16]),
        shared=CpuSet([1, 17, 2, 18]),
        pools=(("dpdk", CpuSet([3, 19])),),
        dedicated=CpuSet(range(32)) - CpuSet([0, 16, 1, 17, 2, 18, 3, 19, 15, 31]),
    )
    return replace(host, offline=CpuSet([32, 33]), isolated=CpuSet([4, 5, 32]))


def full_plan(name: str = "db") -> HostPlan:
    """Return a VM in two cells, one with a stranded core and I/O threads, a shared and a manual."""
    host = full_host()
    cells = (
        CellPlan(id=0, vcpus=CpuSet([0, 1]), memory_kib=8 * GIB, host_node=0),
        CellPlan(id=1, vcpus=CpuSet([2, 3]), memory_kib=16 * GIB, host_node=1),
    )
    whole = {"memory_nodes": CpuSet([0]), "memory_mode": "strict"}
    lone = vm("rt", "5", iothreads=(iothread(1, "1-2,17-18"),), emulator=CpuSet([6]), **whole)
    return plan(
        host,
        vm(name, "4,20,8,24", cells=cells),
        lone,
        floating("web", "1-2,17-18", 3),
        floating("x-hand", "9-10", 1, strategy="manual", memory_nodes=CpuSet([0, 1])),
        others=(("y-locked", CpuSet([11])),),
        unplaced=(Unplaced(name="big", reason="needs 40 cores; there are 5", proven=True),),
    )


def full(name: str = "db") -> Picture:
    return compose(full_host(), full_plan(name), FULL_MEMORY)


def large() -> Picture:
    """Return 8 sockets of 56 cores of 2 threads, 40 VMs on them."""
    host = synthetic("node:8 l3:1 core:56 pu:2", shared=CpuSet([0, 448]))
    vms = [vm(f"vm-{n:02}", f"{8 * n + 1}-{8 * n + 6}") for n in range(40)]
    return compose(host, plan(host, *vms, floating("web", "0,448", 4)), {})


def _odd(cores: list[Core], nodes: int) -> Host:
    return Host(
        name="odd",
        nodes=tuple(Node(id=n, memory_kib=GIB) for n in range(nodes)),
        cores=tuple(cores),
    )


ODD = {
    "nothing known": _odd([Core(cpus=(n,)) for n in range(3)], 0),
    "two packages in one node": _odd([Core(cpus=(n,), package=n, node=0) for n in range(2)], 1),
    "packages and nodes cross": _odd(
        [Core(cpus=(n,), package=n // 2, node=n % 2) for n in range(4)], 2
    ),
    "a node without CPUs": _odd([Core(cpus=(0, 1), package=0, node=0)], 2),
    "a cache across packages": _odd([Core(cpus=(n,), package=n, node=n, l3=0) for n in (0, 1)], 2),
    "eight threads": synthetic("node:2 l3:1 core:3 pu:8"),
    "four threads": synthetic("node:1 l3:0 core:5 pu:4"),
    "hybrid": _odd(
        [
            Core(cpus=(0, 1), package=0, node=0, l3=0, kind="performance"),
            Core(cpus=(2,), package=0, node=0, l3=0, kind="efficiency"),
            Core(cpus=(3,), package=0, node=0, l3=None, kind="low-power"),
        ],
        1,
    ),
}
