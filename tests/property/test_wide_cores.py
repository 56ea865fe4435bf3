"""Fleets on cores of 3, 4 and 8 threads whose leftovers several VMs share, full and overfull.

A unit may sit on part of a core that another VM opened, with a third one beside it; what grows or
moves must not take away what others sit on.
"""

from __future__ import annotations

from itertools import count
from random import Random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.planner.plan import plan_host
from tests.property.hosts import synthetic
from tests.property.judge import violations
from tests.property.report import told
from tests.unit.planner.fleet import machine

if TYPE_CHECKING:
    from kvmc.host.model import Host
    from kvmc.spec.model import Vm

SHAPES = (
    "node:1 l3:1 core:3 pu:4",
    "node:2 l3:1 core:4 pu:3",
    "node:1 l3:2 core:4 pu:4",
    "node:2 l3:2 core:4 pu:4",
    "node:4 l3:1 core:4 pu:8",
)


def fleet(shape: str, seed: int) -> tuple[Host, list[Vm]]:
    """Return a host, some of its threads reserved, and VMs that ask for about all of it."""
    rng = Random(seed)  # noqa: S311 - not for secrets: the same cases on every machine
    cpus = len(synthetic(shape).online)
    reserved = CpuSet(rng.sample(range(cpus), rng.randint(0, cpus // 4)))
    host = synthetic(shape, reserved=reserved, core_sharing="allow")
    vms: list[Vm] = []
    wanted, sizes = cpus * rng.uniform(0.7, 1.2), range(1, 9 if cpus < 40 else 20)
    for number in count():
        if sum(vm.cpu.max for vm in vms) >= wanted:
            break
        threads = rng.choice(["prefer", "prefer", "prefer", "isolate", "require"])
        size = rng.choice(sizes)
        if threads == "require":
            size += -size % len(host.cores[0].cpus)
        numa = rng.choice(["prefer", "prefer", "require"])
        vms.append(machine(f"v{number}", size, threads=threads, numa=numa))
    return host, vms


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(20))
def test_every_plan_keeps_the_rules(shape: str, seed: int) -> None:
    host, vms = fleet(shape, seed)
    plan = plan_host(vms, host).value
    assert plan is not None
    assert violations(plan, vms, host) == [], told(host, vms)


@pytest.mark.parametrize("seed", range(30))
def test_few_cores_of_very_different_width_are_no_reason_to_prove_nothing(seed: int) -> None:
    """As on a POWER8 that is split into subcores: one core of eight threads, and many of one."""
    rng = Random(seed)  # noqa: S311 - not for secrets: the same cases on every machine
    host = synthetic("node:2 l3:0 core:6 pu:8")
    narrow = tuple(replace(core, cpus=core.cpus[:1]) for core in host.cores[:-1])
    host = replace(host, cores=(*narrow, host.cores[-1]))
    vms = [
        machine(
            f"v{number}", rng.choice([1, 2, 3, 4, 6]), threads=rng.choice(["prefer", "isolate"])
        )
        for number in range(rng.randint(5, 8))
    ]
    plan = plan_host(vms, host).value
    assert plan is not None
    assert all(unplaced.proven for unplaced in plan.unplaced), told(host, vms)
