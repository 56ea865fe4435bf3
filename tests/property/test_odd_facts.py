"""Hosts that do not say everything, or say it oddly: the rules hold, and a lock stays good.

The fleets are those of the planner's laws. Some nodes lose their memory, some cores their node, and
some nodes have more huge pages than memory (KV442 warns of it).
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kvmc.planner.locking.checks import check_lock
from kvmc.planner.locking.relock import relock
from kvmc.planner.plan import plan_host
from tests.property.brute import best
from tests.property.fleets import Case, case
from tests.property.hosts import GIB
from tests.property.judge import violations
from tests.property.report import told

if TYPE_CHECKING:
    from kvmc.host.model import Host

SEEDS = range(200)

each_seed = pytest.mark.parametrize("seed", SEEDS)


def odd(seed: int) -> Case:
    """Return the case of a seed on a host with odd facts."""
    one, rng = case(seed), Random(seed)  # noqa: S311 - not for secrets
    return replace(one, host=_without_nodes(_with_odd_memory(one.host, rng), rng))


def _with_odd_memory(host: Host, rng: Random) -> Host:
    nodes = tuple(
        replace(
            node,
            memory_kib=rng.choice([None, 0, GIB, node.memory_kib]),
            hugepages=rng.choice([(), ((GIB, 2),), node.hugepages]),
        )
        for node in host.nodes
    )
    return replace(host, nodes=nodes)


def _without_nodes(host: Host, rng: Random) -> Host:
    cores = tuple(replace(c, node=None) if rng.random() < 0.15 else c for c in host.cores)
    return replace(host, cores=cores)


@each_seed
def test_every_plan_keeps_the_rules(seed: int) -> None:
    one = odd(seed)
    plan = plan_host(one.vms, one.host).value
    assert plan is not None
    assert violations(plan, one.vms, one.host) == [], told(one.host, one.vms)


@each_seed
def test_what_has_a_place_gets_one(seed: int) -> None:
    one = odd(seed)
    plan = plan_host(one.vms, one.host).value
    assert plan is not None
    missing = {unplaced.name for unplaced in plan.unplaced}
    out = sum(vm.cpu.max for vm in one.vms if vm.name in missing)
    assert out == best(one.vms, one.host).cost[0], told(one.host, one.vms)


@each_seed
def test_a_lock_is_good_for_the_plan_it_was_made_of(seed: int) -> None:
    one = odd(seed)
    plan = plan_host(one.vms, one.host).value
    assert plan is not None
    names = {vm.name for vm in plan.vms}
    placed = [vm for vm in one.vms if vm.name in names]
    lock, _ = relock(plan, {vm.name: vm for vm in one.vms}, None, whole=True)
    assert check_lock(lock, one.host, placed) == ()
    again = plan_host(placed, one.host, lock.held).value
    assert again is not None
    _, changes = relock(again, {vm.name: vm for vm in placed}, lock, whole=True)
    assert not changes, told(one.host, one.vms)
