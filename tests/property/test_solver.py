"""The planner against CP-SAT: same feasibility, same first three preferences, on middling hosts.

Needs OR-Tools, which the extra `dev` brings along; without it these tests are skipped.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.host.model import Host, Policy
from kvmc.planner.plan import plan_host
from tests.property.hosts import synthetic
from tests.property.judge import cost, violations
from tests.property.report import told
from tests.support.fleets import celled, machine

if TYPE_CHECKING:
    from kvmc.spec.model import Vm

HARD = (46, 85, 120, 130, 146, 176, 358, 614, 660, 828, 1209, 2212, 2219, 2549)
"""Hosts with half a core reserved and fleets with too many VMs that a simpler search got wrong."""
FEW = (*range(40), *HARD)
MANY = [seed for seed in range(40, 200) if seed not in HARD]


def instance(seed: int) -> tuple[Host, list[Vm]]:
    """Return a host of up to 64 cores and up to 20 VMs, from half empty to too many."""
    rng = Random(f"solver/{seed}")  # noqa: S311 - not for secrets
    nodes, caches = rng.choice([(1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1)])
    cores = rng.choice([n for n in (2, 3, 4, 6, 7, 8, 14) if nodes * caches * n <= 64])
    gib = rng.choice([16, 32, 64])
    host = synthetic(f"node:{nodes} l3:{caches} core:{cores} pu:2", memory_gib=gib)
    total = len(host.cores)
    reserved = rng.choice([(), (), (0, total), (0,), tuple(range(0, total, cores * caches))])
    host = replace(
        host,
        policy=Policy(
            reserved=CpuSet(reserved), core_sharing=rng.choice(["never", "never", "allow"])
        ),
    )
    left = int(total * rng.choice([0.5, 0.8, 0.95, 1.0, 1.1, 1.3]))
    vms: list[Vm] = []
    while left > 0 and len(vms) < 20:
        vm = _vm(rng, f"vm{len(vms):02}", min(left, rng.choice([1, 2, 2, 3, 4, 5, 8])), gib, nodes)
        left -= vm.cpu.max if vm.pin.threads == "isolate" else -(-vm.cpu.max // 2)
        vms.append(vm)
    return host, vms


def _vm(rng: Random, name: str, cores: int, gib: int, nodes: int) -> Vm:
    threads = rng.choice(["prefer", "prefer", "require", "isolate"])
    memory = rng.choice([1, 1, 2, gib // 8, gib // 4])
    if threads == "require" and cores > 1 and rng.random() < 0.4:
        cells = rng.randint(2, max(min(nodes, cores, 4), 2))
        return celled(name, [2 * max(cores // cells, 1)] * cells, memory)
    vcpus = cores if threads == "isolate" else 2 * cores
    vcpus -= threads == "prefer" and vcpus > 1 and rng.random() < 0.6
    return machine(
        name,
        vcpus,
        memory,
        threads=threads,
        numa=rng.choice(["prefer", "require"]),
        l3="require" if rng.random() < 0.15 else "prefer",
    )


def check(seed: int) -> None:
    pytest.importorskip("ortools")
    from tests.support.solver import optimum

    host, vms = instance(seed)
    plan = plan_host(vms, host).value
    assert plan is not None
    assert violations(plan, vms, host) == [], told(host, vms)
    least = optimum(vms, host)
    if least is None:
        pytest.skip("CP-SAT ran out of time")
    ours = cost(plan, vms, host)
    if least[0] < ours[0]:
        assert not all(one.proven for one in plan.unplaced), "a proof of what is not so"
    assert (ours[0], ours[2]) == least, told(host, vms)


@pytest.mark.parametrize("seed", FEW)
def test_cp_sat_finds_nothing_better(seed: int) -> None:
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MANY)
def test_cp_sat_finds_nothing_better_in_many_cases(seed: int) -> None:
    check(seed)
