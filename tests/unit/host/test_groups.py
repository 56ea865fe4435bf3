from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kvmc.cpuset import CpuSet
from kvmc.host.groups import by_id, components, numbered
from kvmc.host.kinds import ladder

SETS = st.lists(st.frozensets(st.integers(0, 30), min_size=1, max_size=4).map(CpuSet), max_size=12)


@given(SETS)
def test_components_are_disjoint_and_hold_every_set(sets: list[CpuSet]) -> None:
    groups = components(sets)
    assert all(any(one <= group for group in groups) for one in sets)
    assert sum(map(len, groups)) == len({cpu for one in sets for cpu in one})
    assert components(groups) == groups
    assert [group.first for group in groups] == sorted(group.first for group in groups)


@given(SETS)
def test_components_do_not_depend_on_order(sets: list[CpuSet]) -> None:
    assert components(sets) == components(sets[::-1])


def test_numbers_keep_ids_only_where_they_are_unique() -> None:
    groups = (CpuSet((4, 5)), CpuSet((0, 1)))
    assert numbered(groups, {0: 7, 1: 7, 4: 3}) == {0: 7, 1: 7, 4: 3, 5: 3}
    assert numbered(groups, {0: 7, 4: 7}) == {0: 0, 1: 0, 4: 1, 5: 1}
    assert numbered(groups, {0: 7, 1: 8, 4: 9}) == {0: 0, 1: 0, 4: 1, 5: 1}
    assert numbered(groups, {0: 7, 4: 2**31}) == {0: 0, 1: 0, 4: 1, 5: 1}
    assert numbered(groups, {0: 7}) == {0: 0, 1: 0, 4: 1, 5: 1}


def test_negative_ids_form_no_group() -> None:
    assert by_id({0: -1, 1: 2, 3: 2}) == (CpuSet((1, 3)),)


def test_a_ladder_steps_only_over_a_gap() -> None:
    assert ladder({0: 280, 1: 855, 2: 860}, 1.1) == (CpuSet((1, 2)), CpuSet((0,)))
    assert ladder({0: 1000, 1: 1090, 2: 1180}, 1.1) == (CpuSet((0, 1, 2)),)
    assert ladder({}, 1.1) == ()
