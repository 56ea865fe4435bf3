"""Sets of VMs by their vCPUs that, left out, free what the sums over the host lack.

The most that the VMs still to be looked at can free with so many vCPUs, sum by sum, is in a table
(R. Bellman, "Dynamic Programming", 1957, for the knapsack), and cuts the search for sets short:
where a single sum lacks, it never looks in vain.
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
_NEVER = -(1 << 60)
"""Frees less than anything: stands for numbers of vCPUs that VMs do not add up to."""
_ROWS = 64
"""The least number of vCPUs that the table is made for."""


_Step = tuple[int, int, "Sequence[int]", tuple[int, ...]]
"""The next kind to look at, the vCPUs and the sums that are still missing, and who is out."""


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
    most: list[list[list[int]]] = []
    """Kind -> by sum and vCPUs the most that it and those after it free with just so many."""
    steps: int = _MOST_STEPS
    cut: bool = False
    """Whether there may be more sets than the last ones that were returned."""

    @classmethod
    def of(cls, kinds: Sequence[Kind], wanted: Sequence[int], have: Sequence[int]) -> Sets:
        """Prepare the tables: `wanted` is what all VMs ask of the sums, `have` what there is."""
        spare = [total - want for want, total in zip(wanted, have, strict=True)]
        dims = [d for d, left in enumerate(spare) if left < 0]
        asks = [[kind.asks[d] for d in dims] for kind in kinds]
        reach = [1]
        for kind in reversed(kinds):
            now = reach[-1]
            for _ in kind.members:
                now |= now << kind.vcpus
            reach.append(now)
        lacking = [-spare[d] for d in dims]
        return cls(kinds, lacking, asks, spare, have, reach[::-1])

    def _tabulate(self, weight: int) -> None:
        """Make the table for so many vCPUs, and for twice as many where it is too short."""
        if self.most and all(len(row) > weight for row in self.most[0]):
            return
        size = max(2 * weight, _ROWS)
        most = [[[0] + [_NEVER] * size for _ in self.lacking]]
        for kind, frees in zip(reversed(self.kinds), reversed(self.asks), strict=True):
            most.append([_row(row, kind, more) for row, more in zip(most[-1], frees, strict=True)])
        self.most = most[::-1]

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
        self._tabulate(weight)
        found = list(islice(self._exact(weight), _MOST_SETS))
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

    def _exact(self, weight: int) -> Iterator[set[int]]:
        """Yield sets of so many vCPUs, as many as can be of the first kinds first."""
        step: _Step = (0, weight, self.lacking, ())
        # A walk without recursion: a thousand kinds of VMs are deep.
        walk: list[Iterator[_Step]] = [iter([step])]
        while walk:
            following = next(walk[-1], None)
            if following is None:
                walk.pop()
                continue
            _, missing, lacking, out = following
            if missing:
                walk.append(self._steps(*following))
            elif max(lacking, default=0) <= 0:
                yield set(out)

    def _steps(
        self, index: int, missing: int, lacking: Sequence[int], out: tuple[int, ...]
    ) -> Iterator[_Step]:
        """Yield what may come next: some VMs of one kind more."""
        for here in range(index, len(self.kinds)):
            self.steps -= 1
            if self.steps <= 0 or not self.reach[here] >> missing & 1:
                return
            if any(more > row[missing] for more, row in zip(lacking, self.most[here], strict=True)):
                return
            kind = self.kinds[here]
            for count in range(min(len(kind.members), missing // kind.vcpus), 0, -1):
                frees = zip(lacking, self.asks[here], strict=True)
                less = [more - count * amount for more, amount in frees]
                taken = (*out, *kind.members[:count])
                yield here + 1, missing - count * kind.vcpus, less, taken


def _row(row: list[int], kind: Kind, frees: int) -> list[int]:
    """Return what is freed at the most where VMs of one more kind may go, any number of them."""
    left, batch = len(kind.members), 1
    while left:
        # 1, 2, 4 ... of them and the rest: these add up to every number
        batch = min(batch, left)
        step, more = batch * kind.vcpus, batch * frees
        row = row[:step] + [max(a, b + more) for a, b in zip(row[step:], row, strict=False)]
        left -= batch
        batch *= 2
    return row
