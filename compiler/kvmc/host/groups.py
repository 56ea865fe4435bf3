"""From "CPU a shares this with CPUs b" to numbered groups of CPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MAX_ID = 2**31 - 1
"""The kernel's ids are C's int."""


def components(statements: Iterable[CpuSet]) -> tuple[CpuSet, ...]:
    """Join sets that overlap, until all are disjoint; ascending by lowest CPU.

    A single statement is enough: where one CPU claims to share and the other does not say so,
    they share. For pinning that is the safe side.
    """
    parent: dict[int, int] = {}

    def root(cpu: int) -> int:
        while parent[cpu] != cpu:
            parent[cpu] = parent[parent[cpu]]
            cpu = parent[cpu]
        return cpu

    for one in dict.fromkeys(statements):
        anchor: int | None = None
        for cpu in one:
            parent.setdefault(cpu, cpu)
            anchor = cpu if anchor is None else anchor
            low, high = sorted((root(anchor), root(cpu)))
            parent[high] = low
    members: dict[int, list[int]] = {}
    for cpu in sorted(parent):
        members.setdefault(root(cpu), []).append(cpu)
    return tuple(CpuSet(cpus) for cpus in members.values())


def by_id(ids: Mapping[int, int]) -> tuple[CpuSet, ...]:
    """Group CPUs of one id; negative ids mean "unknown" (the kernel's -1) and form no group."""
    members: dict[int, list[int]] = {}
    for cpu, value in ids.items():
        if value >= 0:
            members.setdefault(value, []).append(cpu)
    return tuple(CpuSet(cpus) for cpus in members.values())


def numbered(groups: Sequence[CpuSet], ids: Mapping[int, int]) -> dict[int, int]:
    """Give each CPU the number of its group: the kernel's id where ids tell the groups apart.

    Where they do not (-1, missing, one id for two groups, two ids in one group), groups are
    numbered from 0 in the order of their lowest CPU.
    """
    ordered = sorted(groups, key=lambda group: group.first)
    claims = [{ids.get(cpu, -1) for cpu in group} - {-1} for group in ordered]
    single = [next(iter(claim)) for claim in claims if len(claim) == 1]
    kernel = len(single) == len(ordered) == len(set(single))
    kernel = kernel and all(0 <= n <= _MAX_ID for n in single)
    numbers = single if kernel else list(range(len(ordered)))
    return {cpu: number for number, group in zip(numbers, ordered, strict=True) for cpu in group}
