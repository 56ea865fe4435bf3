"""Sets of VMs that free what is lacking."""

from __future__ import annotations

from kvmc.planner.search.subsets import Kind, Sets


def test_a_thousand_kinds_of_vms_are_not_too_deep() -> None:
    """Each VM is of its own kind, and all but a hundred have to go."""
    kinds = [Kind((n,), 1, (1,), 1) for n in range(1_200)]
    sets = Sets.of(kinds, wanted=[1_200], have=[100])
    assert not sets.weighing(1_099)
    assert {len(out) for out in sets.weighing(1_100)} == {1_100}
