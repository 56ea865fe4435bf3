"""Counts and lists in sentences: `2 cores`, `a, b and c`, `a, b and 7 more`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmc.cpuset import CpuSet


def many(count: int, word: str) -> str:
    """Return `1 core` or `2 cores`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def either(words: Iterable[str]) -> str:
    """Join words as alternatives, at least one: `a, b or c`."""
    return _joined(words, "or")


def both(words: Iterable[str]) -> str:
    """Join words as a sum, at least one: `a, b and c`."""
    return _joined(words, "and")


def _joined(words: Iterable[str], last: str) -> str:
    *head, tail = words
    return f"{', '.join(head)} {last} {tail}" if head else tail


def some(words: Sequence[str], most: int) -> str:
    """Join words of which there may be too many to name: `a, b and 7 more`."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def vcpus(ids: CpuSet) -> str:
    """Name some vCPUs, at least one: `vCPU 3`, `vCPUs 3-5`."""
    return f"vCPU {ids}" if len(ids) == 1 else f"vCPUs {ids}"


def cpus(ids: CpuSet) -> str:
    """Name some host CPUs, at least one: `CPU 3`, `CPUs 3-5`."""
    return f"CPU {ids}" if len(ids) == 1 else f"CPUs {ids}"


def nodes(ids: CpuSet) -> str:
    """Name some host nodes, at least one: `node 3`, `nodes 3-5`."""
    return f"node {ids}" if len(ids) == 1 else f"nodes {ids}"
