"""How many siblings are shared at the least where VMs share cores and each VM's node is known.

Every core carries two threads at most, so vCPUs that nothing pairs fill cores two by two. Where a
node has an odd number of them one sibling idles there, which only a vCPU that nothing binds may
use. If the cores do not last, pairs of vCPUs that would share nothing are split to fill such
siblings, and each split is one more sibling shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.planner.problem import FRESH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.problem import Problem
    from kvmc.planner.search.pieces import Piece
    from kvmc.planner.search.sizing import Spots


_PAIR = 2
"""Threads of a core with plain hyperthreading."""


class _Ask(Struct):
    """What the pieces of a node, or those that nothing binds, ask for."""

    stiff: int = 0
    """Cores for themselves."""
    pairs: int = 0
    """Whole guest cores, which may be split."""
    singles: int = 0
    """vCPUs that go anywhere."""


class Crowd(Struct):
    """The cores of each node, and what each piece asks for."""

    problem: Problem
    cores: Sequence[int]
    """Bin -> cores that nobody is on."""
    pieces: Sequence[Piece]
    whole: list[int] = []
    """Node -> cores with two free threads or more."""
    half: list[int] = []
    lacking: int = 0
    """Cores wished for less cores there; negative where some are left."""

    def __post_init__(self) -> None:
        problem = self.problem
        place = {node: n for n, node in enumerate(problem.nodes)}
        self.whole = [0] * len(problem.nodes)
        self.half = [0] * len(problem.nodes)
        for core_class, count in problem.start.cores.items():
            node = place[problem.bins[core_class.bin].node]
            wide = max(mask.bit_count() for mask in core_class.free)
            fresh = core_class.status == FRESH
            (self.whole if fresh and wide > 1 else self.half)[node] += count
        self.lacking = sum([piece.best.units for piece in self.pieces]) - sum(self.cores)

    def shared(self, spots: Spots) -> int:
        """Return the least number of siblings shared; 0, for unknown, on cores of many threads."""
        if any(mask.bit_count() > _PAIR for c in self.problem.start.cores for mask in c.free):
            return 0
        asks = [_Ask() for _ in range(len(self.whole) + 1)]
        for piece in self.pieces:
            self._add(asks[spots[piece.vm, piece.group].node], piece)
        loose = asks.pop()
        whole = idle = pairs = 0
        for ask, cores, halves in zip(asks, self.whole, self.half, strict=True):
            rest = max(ask.singles - halves, 0)
            idle += max(halves - ask.singles, 0) + rest % 2
            whole += cores - ask.stiff - ask.pairs - (rest + 1) // 2
            pairs += ask.pairs
        pairs += loose.pairs
        splits = 0
        while splits < pairs and not self._fits(loose, whole + splits, idle - 2 * splits):
            splits += 1
        return max(self.lacking + splits, 0)

    @staticmethod
    def _fits(loose: _Ask, whole: int, idle: int) -> bool:
        rest = max(loose.singles - idle, 0)
        return loose.stiff + loose.pairs + (rest + 1) // 2 <= whole

    def _add(self, ask: _Ask, piece: Piece) -> None:
        demand = self.problem.demands[piece.vm]
        if piece.group < 0 or not demand.prefers:
            ask.stiff += piece.lean[0].units
        elif piece.best.units * 2 == len(demand.groups[piece.group].dedicated):
            ask.pairs += piece.best.units
        else:
            ask.singles += len(demand.groups[piece.group].dedicated)
