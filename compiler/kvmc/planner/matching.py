"""Everyone a choice of its own: perfect matching in a bipartite graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


def apart(choices: Sequence[Sequence[Hashable]]) -> bool:
    """Whether everyone can have a choice of its own (P. Hall, 1935), by augmenting paths."""
    owner: dict[Hashable, int] = {}
    return all(_give(choices, number, owner) for number in range(len(choices)))


def _give(choices: Sequence[Sequence[Hashable]], number: int, owner: dict[Hashable, int]) -> bool:
    """Give one more its choice, along the shortest chain of others that take another one."""
    wanted_by: dict[Hashable, int] = {}
    had: dict[int, Hashable] = {}
    queue = [number]
    for asking in queue:
        for choice in choices[asking]:
            if choice in wanted_by:
                continue
            wanted_by[choice] = asking
            if choice in owner:
                had[owner[choice]] = choice
                queue.append(owner[choice])
                continue
            free, taker = choice, asking
            owner[free] = taker
            while taker in had:
                free = had[taker]
                taker = owner[free] = wanted_by[free]
            return True
    return False
