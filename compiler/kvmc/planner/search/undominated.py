"""What fills one node where not all VMs fit: fills that no other fill dominates.

A fill that has room for one more VM, or for a larger one in the place of a smaller, is dominated:
it is never better (A. S. Fukunaga and R. E. Korf, JAIR 28, 2007).
"""

from __future__ import annotations

from operator import le
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from kvmc.planner.search.supply import PLENTY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.search.supply import Vector

Fill = tuple[int, ...]
"""How many VMs of each kind a node takes."""


class Ware(NamedTuple):
    """VMs that ask the same of a node."""

    vcpus: int
    needs: Vector
    members: int


class Look(Struct):
    """All fills of one node that place so many vCPUs, none of them worse than another."""

    wares: Sequence[Ware]
    left: Sequence[int]
    low: int
    """The fewest vCPUs."""
    reach: list[int]
    """Kind -> the numbers of vCPUs that it and those after it can add up to, one bit each."""
    chosen: list[int]
    steps: int
    forced: int = -1
    short: int = PLENTY
    """By how much every fill that was passed over is too small, at the least."""
    found: list[tuple[int, Vector, Fill]] = []
    """(less the vCPUs placed, what is left of the node, the fill)."""

    @classmethod
    def of(
        cls, wares: Sequence[Ware], left: Sequence[int], worth: int, low: int, steps: int
    ) -> Look:
        """Prepare the table of sums, up to the most that the node can hold."""
        limit = (2 << worth) - 1
        reach = [1]
        for ware, count in zip(reversed(wares), reversed(left), strict=True):
            now = reach[-1]
            for _ in range(count):
                more = (now | now << ware.vcpus) & limit
                if more == now:
                    break
                now = more
            reach.append(now)
        return cls(wares, left, max(low, 0), reach[::-1], [0] * len(wares), steps)

    def extend(self, start: int, room: Vector, placed: int) -> None:
        """Add VMs of the kinds from one on in every way."""
        self.steps -= 1
        if self.steps <= 0:
            return
        if placed >= self.low and not self._is_dominated(room):
            self.found.append((-placed, room, tuple(self.chosen)))
        missing = max(self.low - placed, 0)
        if missing:
            self.short = min(self.short, missing)
        for k in range(start, len(self.wares)):
            if not self.reach[k] >> missing:
                self.short = min(self.short, missing - self.reach[k].bit_length() + 1)
                return
            ware, now = self.wares[k], room
            before = self.chosen[k]
            for count in range(before + 1, self.left[k] + 1):
                now = tuple([have - n for have, n in zip(now, ware.needs, strict=True)])
                if min(now) < 0:
                    break
                self.chosen[k] = count
                self.extend(k + 1, now, placed + (count - before) * ware.vcpus)
            self.chosen[k] = before

    def _is_dominated(self, room: Vector) -> bool:
        """Whether one more VM has room, or a larger one in the place of a smaller."""
        inside = [self.wares[k] for k, n in enumerate(self.chosen) if n > (k == self.forced)]
        for ware, left, here in zip(self.wares, self.left, self.chosen, strict=True):
            if left > here and (
                within(ware.needs, room) or any(_betters(ware, one, room) for one in inside)
            ):
                return True
        return False


def within(needs: Vector, room: Vector) -> bool:
    """Whether a node with so much room left holds a VM."""
    return all(map(le, needs, room))


def _betters(large: Ware, small: Ware, room: Vector) -> bool:
    """Whether a VM that asks for no less of anything has room in the place of another."""
    if small.vcpus > large.vcpus or small is large:
        return False
    for more, less, have in zip(large.needs, small.needs, room, strict=True):
        if not 0 <= more - less <= have:
            return False
    return True
