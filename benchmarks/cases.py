"""Fleets of one kind and load on one host, and what everybody made of them."""

from __future__ import annotations

from math import isnan, nan
from typing import TYPE_CHECKING

from msgspec import Struct

from benchmarks.timing import median

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measure import Result, Trial


class Case(Struct, frozen=True, kw_only=True):
    """Fleets of one kind and load on one host shape, and what everybody made of them."""

    shape: str
    kind: str
    load: float
    trials: tuple[Trial, ...]

    def results(self) -> tuple[list[Result], list[Result], list[Result]]:
        """Return kvmc's, spreading Nova's and packing Nova's."""
        return (
            [t.kvmc for t in self.trials],
            [t.spread for t in self.trials if t.spread],
            [t.pack for t in self.trials if t.pack],
        )

    @property
    def pace(self) -> float:
        """The median of kvmc's seconds a VM."""
        return median([t.kvmc.seconds for t in self.trials if not isnan(t.kvmc.seconds)])

    def nova(self, *, booking: bool) -> float:
        """Return the seconds a VM of the faster of Nova's strategies; not a number without it."""
        paces = [
            median([r.seconds + booking * r.booking for r in results])
            for results in self.results()[1:]
        ]
        return min(paces)

    def faster(self, *, booking: bool) -> float:
        """Return how many times as long Nova takes."""
        return self.nova(booking=booking) / self.pace


def whole_part(trials: Sequence[Trial], results: Sequence[Result]) -> float:
    """Return the part of the fleets of which everything is placed; no number without results."""
    if not results:
        return nan
    pairs = zip(trials, results, strict=True)
    return sum(r.placed == t.fleet.vcpus for t, r in pairs) / len(results)


def shared(trials: Sequence[Trial]) -> tuple[int, int, bool]:
    """Return kvmc's shared siblings, CP-SAT's, and whether all of the latter are proven."""
    same = [(t.kvmc, t.best) for t in trials if t.best and t.best.placed == t.kvmc.placed]
    return (
        sum(ours.shared for ours, _ in same),
        sum(best.shared for _, best in same),
        all(best.shared_proven for _, best in same),
    )
