"""What a host's description says of itself: plain memory, and what shared CPUs carry."""

from __future__ import annotations

from fractions import Fraction

import pytest

from kvmc.host.model import Node, Policy

GIB = 1024**2


@pytest.mark.parametrize(
    ("ratio", "cpus", "vcpus"),
    [
        (1.4, 45, 63),
        (1.1, 10, 11),
        (4.0, 7, 28),
        (0.1, 9, 0),
        (0.1, 10, 1),
        (2.5, 3, 7),
        (2.0, 0, 0),
    ],
)
def test_shared_cpus_carry_what_the_written_ratio_says(ratio: float, cpus: int, vcpus: int) -> None:
    assert Policy(overcommit=ratio).carries(cpus) == vcpus


def test_no_ratio_of_two_decimals_loses_a_vcpu() -> None:
    for hundredths in range(10, 500):
        policy = Policy(overcommit=float(f"{hundredths / 100:.2f}"))
        for cpus in range(1, 130):
            assert policy.carries(cpus) == int(Fraction(hundredths * cpus, 100))


@pytest.mark.parametrize(
    ("memory", "pools", "plain"),
    [
        (None, (), None),
        (None, ((2048, 512),), None),
        (64 * GIB, (), 64 * GIB),
        (64 * GIB, ((2048, 512), (GIB, 16)), 47 * GIB),
        (8 * GIB, ((GIB, 16),), 0),
        (0, (), 0),
    ],
)
def test_plain_memory_is_what_the_pools_leave(
    memory: int | None, pools: tuple[tuple[int, int], ...], plain: int | None
) -> None:
    assert Node(id=0, memory_kib=memory, hugepages=pools).plain_kib == plain
