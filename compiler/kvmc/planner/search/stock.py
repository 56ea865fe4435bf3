"""The cores that are left, class by class, while seats are given out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmc.planner.problem import FRESH, OPEN, CoreClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmc.planner.problem import Problem


class Taken(NamedTuple):
    """Cores of one class that carry units of one width."""

    core_class: CoreClass
    width: int
    number: int


class Stock:
    """Cores left in each bin. Mutable; `take` is all or nothing."""

    def __init__(self, problem: Problem) -> None:
        self.sharing = problem.sharing
        self.bins: list[dict[CoreClass, int]] = [{} for _ in problem.bins]
        for core_class, count in problem.start.cores.items():
            self.bins[core_class.bin][core_class] = count

    def free(self, number: int, view: int, width: int, *, joins: bool) -> int:
        """Return how many cores of a bin let a unit in."""
        return sum(
            [
                count
                for c, count in self.bins[number].items()
                if c.free[view].bit_count() >= width and (c.status == FRESH or joins)
            ]
        )

    def holds(
        self, bins: Iterable[int], view: int, widths: Sequence[tuple[int, int]], *, joins: bool
    ) -> bool:
        """Whether some bins have cores for all units (Hall: wide ones are counted first)."""
        wanted = 0
        for width, count in widths:
            wanted += count
            if sum([self.free(b, view, width, joins=joins) for b in bins]) < wanted:
                return False
        return True

    def take(
        self,
        bins: Sequence[int],
        view: int,
        widths: Sequence[tuple[int, int]],
        *,
        joins: bool,
        join_first: bool,
    ) -> list[Taken]:
        """Take cores for units, widest first, from the first bin on; `holds` was asked before."""
        taken = []
        for width, count in widths:
            left = count
            for number in bins:
                stock = self.bins[number]
                classes = [
                    c
                    for c in stock
                    if c.free[view].bit_count() >= width and (c.status == FRESH or joins)
                ]
                if len(classes) > 1:
                    classes.sort(key=lambda c: _ease(c, view, join_first=join_first))
                for core_class in classes:
                    part = min(left, stock[core_class])
                    self.remove(core_class, part)
                    taken.append(Taken(core_class, width, part))
                    left -= part
                    if not left:
                        break
                if not left:
                    break
        return taken

    def take_alike(self, bins: Iterable[int], view: int, width: int, count: int) -> Taken | None:
        """Take cores that nobody is on from the tightest bin that has enough of one class.

        None where there is none, or some bin has several classes. This is what `holds` and `take`
        come to on plain hosts.
        """
        found: tuple[int, int, CoreClass] | None = None
        for number in bins:
            stock = self.bins[number]
            classes = [c for c in stock if c.status == FRESH and c.free[view].bit_count() >= width]
            if len(classes) > 1:
                return None
            if classes and stock[classes[0]] >= count:
                here = (stock[classes[0]], number, classes[0])
                found = here if found is None else min(found, here)
        if found is None:
            return None
        self.remove(found[2], count)
        return Taken(found[2], width, count)

    def take_scarce(
        self, bins: Sequence[int], view: int, units: tuple[int, int], *, joins: bool
    ) -> list[Taken]:
        """Take up to (width, count) units from the scarcest classes of all bins together.

        Single vCPUs that may join others do so first: what is left in the end is given away later.
        """
        width, left = units
        classes = [
            (_ease(c, view, join_first=joins and width == 1)[:3], place, c)
            for place, b in enumerate(bins)
            for c in self.bins[b]
            if c.free[view].bit_count() >= width and (c.status == FRESH or joins)
        ]
        taken = []
        for _, _, core_class in sorted(classes):
            part = min(left, self.bins[core_class.bin][core_class])
            if part:
                self.remove(core_class, part)
                taken.append(Taken(core_class, width, part))
                left -= part
        return taken

    def join(
        self, bins: Sequence[int], view: int, widths: Sequence[tuple[int, int]]
    ) -> tuple[list[Taken], tuple[tuple[int, int], ...]]:
        """Take cores that others opened for single vCPUs; return them and the units still left.

        Nothing is taken where wider units need those cores.
        """
        wide = tuple((w, n) for w, n in widths if w > 1)
        left = sum(n for w, n in widths if w == 1)
        taken = []
        for number in bins:
            for core_class in [c for c in self.bins[number] if c.status != FRESH and c.free[view]]:
                part = min(left, self.bins[number][core_class])
                if part:
                    self.remove(core_class, part)
                    taken.append(Taken(core_class, 1, part))
                    left -= part
        rest = (*wide, *(((1, left),) if left else ()))
        if wide and not self.holds(bins, view, rest, joins=True):
            for core_class, _, count in taken:
                self.put(core_class, count)
            return [], tuple(widths)
        return taken, rest

    def remove(self, core_class: CoreClass, count: int) -> None:
        """Take so many cores of one class."""
        stock = self.bins[core_class.bin]
        stock[core_class] -= count
        if not stock[core_class]:
            del stock[core_class]

    def reopen(self, taken: Iterable[Taken], view: int) -> None:
        """Let other VMs onto what is left of cores, under core_sharing: allow."""
        for core_class, width, count in taken:
            rest = left_over(core_class, view, width)
            if rest:
                self.put(rest, count)

    def put(self, core_class: CoreClass, count: int) -> None:
        """Put so many cores of one class there."""
        stock = self.bins[core_class.bin]
        stock[core_class] = stock.get(core_class, 0) + count


def left_over(core_class: CoreClass, view: int, width: int) -> CoreClass | None:
    """Return what is left of a core for others once a unit sits on it."""
    mask = lowest(core_class.free[view], width)
    rest = tuple([free & ~mask for free in core_class.free])
    return CoreClass(core_class.bin, rest, OPEN) if any(rest) else None


def lowest(free: int, width: int) -> int:
    """Return the mask of the lowest so many free threads."""
    if free.bit_count() == width:
        return free
    mask = 0
    for _ in range(width):
        low = free & -free
        mask |= low
        free ^= low
    return mask


def _ease(core_class: CoreClass, view: int, *, join_first: bool) -> tuple[int, int, int, CoreClass]:
    """Order of classes: those with the least to spare, that the fewest others want."""
    status = -core_class.status if join_first else core_class.status
    return (
        status,
        core_class.free[view].bit_count(),
        sum([mask.bit_count() for mask in core_class.free]),
        core_class,
    )
