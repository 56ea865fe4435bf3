"""Ways to cut vCPUs into units."""

from __future__ import annotations

import pytest

from kvmc.planner.cuts import all_cuts, partitions


@pytest.mark.parametrize(
    ("total", "largest", "every"),
    [
        (0, 2, [()]),
        (1, 2, [(1,)]),
        (3, 1, [(1, 1, 1)]),
        (4, 2, [(2, 2), (2, 1, 1), (1, 1, 1, 1)]),
        (5, 3, [(3, 2), (3, 1, 1), (2, 2, 1), (2, 1, 1, 1), (1,) * 5]),
        (2, 0, []),
    ],
)
def test_partitions_come_widest_first(
    total: int, largest: int, every: list[tuple[int, ...]]
) -> None:
    assert list(partitions(total, largest)) == every


def test_as_many_partitions_as_eulers_function_says() -> None:
    assert [sum(1 for _ in partitions(n, n)) for n in range(13)] == [
        *(1, 1, 2, 3, 5, 7, 11, 15, 22, 30, 42, 56, 77)
    ]


def test_a_thousand_vcpus_are_not_too_deep() -> None:
    """On a host without hyperthreads there is one way, with a thousand parts."""
    (cut,) = all_cuts(tuple(range(1_500)), 1, 1)
    assert (cut.widths, cut.count, cut.shared) == (((1, 1_500),), 1_500, 0)
