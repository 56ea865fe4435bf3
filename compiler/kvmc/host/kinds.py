"""Kinds of cores from numbers that hardly ever match exactly: frequencies and capacities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet

if TYPE_CHECKING:
    from collections.abc import Mapping

CAPACITY_GAP = 1.10
"""Capacities of one design differ by a few percent where cores are binned (NVIDIA Grace, GB10)."""
FREQUENCY_GAP = 1.20
"""Favoured cores (Turbo Boost Max 3.0, AMD preferred cores) clock up to some 15 % higher."""


def ladder(values: Mapping[int, int], gap: float) -> tuple[CpuSet, ...]:
    """Group CPUs into steps, highest first; a new step begins where the next value is `gap` lower.

    {0: 280, 1: 855, 2: 860} with a gap of 1.1 gives {1, 2}, {0}.
    """
    steps: list[list[int]] = []
    last: int | None = None
    for cpu in sorted(values, key=lambda cpu: (-values[cpu], cpu)):
        if last is None or values[cpu] * gap < last:
            steps.append([])
        steps[-1].append(cpu)
        last = values[cpu]
    return tuple(CpuSet(step) for step in steps)
