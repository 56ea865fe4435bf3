"""What fills one node: sets of VMs that add up to a sum, the fullest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.planner.search.slots import Part, Slot, Sums

EVERY = 1 << 30
"""No limit to the fills of a node."""


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

    def _exact(  # noqa: C901 (a walk without recursion: hundreds of VMs are deep)
        self,
        slots: Sequence[Slot],
        have: Sequence[int],
        forced: set[int],
        reach: list[int],
        target: int,
    ) -> Iterator[list[Part]]:
        """Yield the sets of parts that add up to the target, large slots first."""
        others = self.table.others
        left = [have[d] for d in others]
        chosen: list[tuple[int, int, Part]] = []
        # A frame is (slot, next option, sum still missing); option -1 is to leave the slot out.
        index, option, missing = 0, 0, target
        while True:
            self.effort.left -= 1
            if self.effort.left <= 0:
                return
            if index == len(slots):
                if missing == 0:
                    yield [part for _, _, part in chosen]
            elif (step := self._take(slots[index], option, missing, reach[index + 1], left)) >= 0:
                part = slots[index].parts[step]
                chosen.append((index, step, part))
                for o, d in enumerate(others):
                    left[o] -= part.needs[d]
                missing -= part.code
                index, option = index + 1, 0
                continue
            elif index not in forced:
                after = index + 1
                likeness = slots[index].likeness
                while (
                    after < len(slots) and after not in forced and slots[after].likeness == likeness
                ):
                    after += 1
                if reach[after] >> missing & 1:
                    index, option = after, 0
                    continue
            if not chosen:
                return
            index, option, part = chosen.pop()
            for o, d in enumerate(others):
                left[o] += part.needs[d]
            missing += part.code
            option += 1

    def _take(self, slot: Slot, option: int, missing: int, reach: int, left: list[int]) -> int:
        """Return the first option from `option` on that can lead to the target; -1 for none."""
        others = self.table.others
        for number in range(option, len(slot.parts)):
            part = slot.parts[number]
            rest = missing - part.code
            if rest < 0 or not reach >> rest & 1:
                continue
            for have, d in zip(left, others, strict=True):
                if part.needs[d] > have:
                    break
            else:
                return number
        return -1
