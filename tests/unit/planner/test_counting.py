"""Bounds by counting: what more VMs ask for than there is, and places that are given away."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest

from kvmc.planner.matching import apart
from kvmc.planner.refusals.counting import too_many
from tests.support.fleets import host_of, machine


def test_as_many_cpus_as_there_are_are_not_too_many() -> None:
    host = host_of("2x14x2")
    vms = [machine("a", 28), machine("b", 28)]
    assert not too_many(vms, host)
    assert too_many([*vms, machine("c", 1, threads="prefer")], host)


def test_isolated_threads_count_and_floating_vcpus_do_not() -> None:
    host = host_of("desktop")
    assert too_many([machine("a", 16, emulator="isolate")], host)
    assert not too_many([machine("a", 16), machine("b", 16, strategy="shared")], host)


@pytest.mark.parametrize("seed", range(60))
def test_everyone_has_a_choice_of_his_own_where_some_order_gives_one(seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - not for secrets
    count = rng.randint(1, 5)
    choices = [rng.sample(range(5), rng.randint(1, 3)) for _ in range(count)]
    orders = permutations(range(5), count)
    can = any(all(c in mine for c, mine in zip(one, choices, strict=True)) for one in orders)
    assert apart(choices) == can


def test_a_chain_of_thousands_is_not_too_deep() -> None:
    """Each has the next one's choice as well; the last is given its only one at the end."""
    many = 5_000
    choices = [[n, n + 1] for n in range(many)]
    assert apart([*choices, [0]])
    assert not apart([*choices, [0], [many]])
