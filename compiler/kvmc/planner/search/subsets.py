"""Sets of VMs by their vCPUs that, left out, free what the sums over the host lack.

What the VMs that are still to be looked at can free at the most, by their best ratio, cuts the
search for sets short (G. B. Dantzig, "Discrete-variable extremum problems", 1957).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST_SETS = 300
"""Sets with equally many vCPUs that are looked at."""
_MOST_STEPS = 100_000
"""Looks at a kind of VMs on the way to them."""


class Kind(NamedTuple):
    """VMs that ask for the same."""

    members: tuple[int, ...]
    """Last by name first."""
    vcpus: int
    asks: tuple[int, ...]
    wishes: int
    """Cores with which it shares nothing."""


class Sets(Struct):
    """Sets of VMs that, left out, free what is lacking in the sums."""

    kinds: Sequence[Kind]
    lacking: list[int]
    """What is lacking of each sum of which too much is asked."""
    asks: list[list[int]]
    """Kind -> what one of it frees of these sums."""
    spare: Sequence[int]
    """What is left of each sum with everyone inside; less than nothing where too much is asked."""
    have: Sequence[int]
    """What there is of each sum."""
    reach: list[int]
    """Kind -> the numbers of vCPUs that it and those after it can add up to, one bit each."""
    ratio: list[list[float]]
    """Kind -> the most that it and those after it free of each sum with one vCPU."""
    steps: int = _MOST_STEPS
    cut: bool = False
    """Whether there may be more sets than the last ones that were returned."""

    @classmethod
    def of(cls, kinds: Sequence[Kind], wanted: Sequence[int], have: Sequence[int]) -> Sets:
        """Prepare the tables: `wanted` is what all VMs ask of the sums, `have` what there is."""
        spare = [total - want for want, total in zip(wanted, have, strict=True)]
        dims = [d for d, left in enumerate(spare) if left < 0]
        asks = [[kind.asks[d] for d in dims] for kind in kinds]
        reach, ratio = [1], [[0.0] * len(dims)]
        for kind, frees in zip(reversed(kinds), reversed(asks), strict=True):
            now = reach[-1]
            for _ in kind.members:
                now |= now << kind.vcpus
            reach.append(now)
            most = zip(frees, ratio[-1], strict=True)
            ratio.append([max(amount / kind.vcpus, best) for amount, best in most])
        lacking = [-spare[d] for d in dims]
        return cls(kinds, lacking, asks, spare, have, reach[::-1], ratio[::-1])

    @property
    def total(self) -> int:
        """The vCPUs of all VMs."""
        return sum([kind.vcpus * len(kind.members) for kind in self.kinds])

    def next(self, weight: int) -> int:
        """Return the least number of vCPUs that VMs add up to, from a number on; or all."""
        above = self.reach[0] >> weight
        return weight + (above & -above).bit_length() - 1 if above else self.total

    def weighing(self, weight: int, *, roomy: bool = False) -> list[set[int]]:
        """Return sets with so many vCPUs; those that leave the fewest siblings shared come first.

        Every VM that goes takes with it the cores that it would like to have. Of equals, or where
        it is room that is wanted, the sets come first that leave the most of what is scarcest.
        """
        if roomy:
            self.steps = _MOST_STEPS // 10
        found = list(islice(self._exact(0, weight, self.lacking, ()), _MOST_SETS))
        self.cut = len(found) == _MOST_SETS or self.steps <= 0
        kind_of = {n: kind for kind in self.kinds for n in kind.members}

        def rank(out: set[int]) -> tuple[int, float]:
            gone = [kind_of[n] for n in out]
            wishes = 0 if roomy else sum([kind.wishes for kind in gone])
            freed = [sum(column) for column in zip(*[kind.asks for kind in gone], strict=True)]
            room = zip(self.spare, freed, self.have, strict=True) if gone else ()
            slack = [(left + more) / total for left, more, total in room if total > 0]
            return -wishes, -min(slack, default=0.0)

        return sorted(found, key=rank)

    def _exact(
        self, index: int, missing: int, lacking: Sequence[int], out: tuple[int, ...]
    ) -> Iterator[set[int]]:
        if missing == 0:
            if all(more <= 0 for more in lacking):
                yield set(out)
            return
        for here in range(index, len(self.kinds)):
            self.steps -= 1
            if self.steps <= 0 or not self.reach[here] >> missing & 1:
                return
            if any(more > missing * r for more, r in zip(lacking, self.ratio[here], strict=True)):
                return
            kind = self.kinds[here]
            for count in range(min(len(kind.members), missing // kind.vcpus), 0, -1):
                frees = zip(lacking, self.asks[here], strict=True)
                less = [more - count * amount for more, amount in frees]
                taken = (*out, *kind.members[:count])
                yield from self._exact(here + 1, missing - count * kind.vcpus, less, taken)
