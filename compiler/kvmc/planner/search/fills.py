"""What fills one node: sets of VMs that add up to a sum, the fullest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.planner.search.slots import Part, Slot, Sums
    from kvmc.planner.search.supply import Vector

EVERY = 1 << 30
"""No limit to the fills of a node."""
_NOWHERE = -1
"""Stands for a slot that there is no way to."""


class Effort(Struct):
    """Steps left to take."""

    left: int
    cut: bool = False
    """Whether anything was left untried."""


class Fills(Struct):
    """The fills of the first of some nodes, under one limit."""

    table: Sums
    effort: Effort
    width: int
    """Fills of a node that are followed up."""
    narrowed: bool = False
    """Whether there were more."""

    def of(self, left: Sequence[Sequence[int]], slots: Sequence[Slot]) -> Iterator[list[Part]]:
        """Yield the sets of parts for the first node; `left` is what each node has left.

        Of nodes that are alike the first takes the first slot. A VM with as many pieces as there
        are nodes has one on each.
        """
        have = left[0]
        forced = {i for i, slot in enumerate(slots) if len(slot.pieces) == len(left)}
        if left.count(have) == len(left):
            forced.add(0)
        reach = self._reach(slots, have, forced)
        for target in self._targets(left, slots, reach[0]):
            yield from self._exact(slots, have, forced, reach, target)

    def _reach(self, slots: Sequence[Slot], have: Sequence[int], forced: set[int]) -> list[int]:
        """Return, for each slot, the sums that it and those after it can reach."""
        limit = self.table.within(have)
        self.effort.left -= len(slots)
        now = 1
        reach = [now]
        for i in range(len(slots) - 1, -1, -1):
            before = now
            if i in forced:
                now = 0
            for part in slots[i].parts:
                now |= before << part.code
            now &= limit
            reach.append(now)
        reach.reverse()
        return reach

    def _targets(
        self, left: Sequence[Sequence[int]], slots: Sequence[Slot], reach: int
    ) -> Iterator[int]:
        """Yield the sums worth aiming at, those that waste least first."""
        table = self.table
        if not table.dims:
            yield 0
            return
        if not reach:
            return
        tops, lows = [], []
        for i, (d, unit) in enumerate(zip(table.dims, table.units, strict=True)):
            # What all nodes together may leave empty.
            spare = sum([has[d] // unit for has in left]) - sum([slot.least[i] for slot in slots])
            if spare < 0:
                return
            tops.append(left[0][d] // unit)
            lows.append(max(tops[-1] - spare, 0))
        if len(tops) == 1:
            for top in range(tops[0], lows[0] - 1, -1):
                if reach >> top & 1:
                    yield top
            return
        found = self._in_rows(tops, lows, reach)
        by_first, by_second = 1 / max(tops[0], 1), 1 / max(tops[1], 1)
        found.sort(key=lambda t: (tops[0] - t[0]) * by_first + (tops[1] - t[1]) * by_second)
        for first, second in found:
            yield first + second * table.strides[1]

    def _in_rows(self, tops: list[int], lows: list[int], reach: int) -> list[tuple[int, int]]:
        """Return the sums within reach, row by row; where fills are limited only some of them."""
        stride = self.table.strides[1]
        fits = (1 << min(stride, tops[0] + 1)) - 1 >> lows[0] << lows[0]
        found = []
        for second in range(min(tops[1], reach.bit_length() // stride), lows[1] - 1, -1):
            row = reach >> second * stride & fits
            while row:
                top = row.bit_length() - 1
                found.append((top, second))
                row ^= 1 << top
                if self.width < EVERY and len(found) % 4 == 0:
                    self.narrowed = True
                    break
        return found

    def _exact(
        self,
        slots: Sequence[Slot],
        have: Sequence[int],
        forced: set[int],
        reach: list[int],
        target: int,
    ) -> Iterator[list[Part]]:
        """Yield the sets of parts that add up to the target, large slots first."""
        others = self.table.others
        walk = _Walk(slots, forced, reach, others, [have[d] for d in others], target)
        effort, end = self.effort, len(slots)
        index, option = 0, 0
        # A walk without recursion: hundreds of VMs are deep.
        while True:
            effort.left -= 1
            if effort.left <= 0:
                return
            if index < end:
                after = walk.step(index, option)
            else:
                after = _NOWHERE
                if walk.missing == 0:
                    yield [part for _, _, part in walk.chosen]
            if after != _NOWHERE:
                index, option = after, 0
            elif walk.chosen:
                index, option = walk.undo()
            else:
                return


class _Walk(Struct):
    """A way through the slots: what of each is on the node, or that it is left out."""

    slots: Sequence[Slot]
    forced: set[int]
    """Slots that are not left out."""
    reach: list[int]
    """Slot -> the sums that it and those after it can reach, one bit each."""
    others: tuple[int, ...]
    """Dimensions outside of the table of sums."""
    left: list[int]
    """What is left of them."""
    missing: int
    """The sum that is still missing."""
    chosen: list[tuple[int, int, Part]] = []
    """(slot, option, part) for each part on the node."""

    def step(self, index: int, option: int) -> int:
        """Go on at a slot with its options from one on; return the next slot, if there is any.

        The last option, when no part of it leads to the target any more, is to leave it out.
        """
        taken = self._option(index, option)
        if taken < 0:
            return self._skip(index)
        part = self.slots[index].parts[taken]
        self.chosen.append((index, taken, part))
        left, needs = self.left, part.needs
        for o, d in enumerate(self.others):
            left[o] -= needs[d]
        self.missing -= part.code
        return index + 1

    def undo(self) -> tuple[int, int]:
        """Take back the last part; return its slot and the option to try there next."""
        index, option, part = self.chosen.pop()
        left, needs = self.left, part.needs
        for o, d in enumerate(self.others):
            left[o] += needs[d]
        self.missing += part.code
        return index, option + 1

    def _skip(self, index: int) -> int:
        """Return the slot to go on at without this one, and so without those that are alike."""
        slots, forced = self.slots, self.forced
        if index in forced:
            return _NOWHERE
        likeness = slots[index].likeness
        after = index + 1
        while after < len(slots) and after not in forced and slots[after].likeness == likeness:
            after += 1
        return after if self.reach[after] >> self.missing & 1 else _NOWHERE

    def _option(self, index: int, first: int) -> int:
        """Return the first option from one on that can lead to the target; -1 for none."""
        parts = self.slots[index].parts
        reach, missing, others = self.reach[index + 1], self.missing, self.others
        for number in range(first, len(parts)):
            part = parts[number]
            rest = missing - part.code
            if rest >= 0 and reach >> rest & 1 and (not others or self._holds(part.needs)):
                return number
        return -1

    def _holds(self, needs: Vector) -> bool:
        """Whether there is enough left of what is outside of the table."""
        for have, d in zip(self.left, self.others, strict=True):  # noqa: SIM110 (half the time)
            if needs[d] > have:
                return False
        return True
