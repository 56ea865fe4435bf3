"""The checker that runs on every plan, held against the judge of tests/property.

Right plans come from brute force; then one thing is moved at random. Both must say the same:
a checker that misses a mutant is no checker, one that refuses a right plan stops kvmc.
"""

from __future__ import annotations

from random import Random

import pytest

from kvmc.planner.verify import breaches
from tests.property.brute import best
from tests.property.fleets import case
from tests.property.judge import broken
from tests.property.mutants import mutants
from tests.property.plans import as_plan
from tests.property.report import told

SEEDS = range(3000, 3080)
ROUNDS = 6


@pytest.mark.parametrize("seed", SEEDS)
def test_the_checker_agrees_with_the_judge_on_every_mutant(seed: int) -> None:
    one = case(seed)
    vms = [vm for vm in one.vms if vm.pin.strategy != "none"]  # those need no host
    named = {vm.name: vm for vm in vms}
    plan = as_plan(best(vms, one.host), vms, one.host)
    assert breaches(one.host, [(named[p.name], p) for p in plan.vms]) == ()
    rng = Random(seed)  # noqa: S311 - not for secrets: the same mutants on every machine
    for what, mutant in mutants(plan, one.host, rng, ROUNDS):
        found = breaches(one.host, [(named[p.name], p) for p in mutant.vms])
        judged = broken(mutant, vms, one.host)
        assert bool(found) == bool(judged), (what, found, judged, told(one.host, vms))
