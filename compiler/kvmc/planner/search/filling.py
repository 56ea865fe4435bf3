"""Who stays out where a rule binds every VM to one node: which VMs fill the nodes best.

No set of VMs is chosen beforehand: nodes are filled one after the other out of all VMs, and who is
left at the end stays out (A. S. Fukunaga and R. E. Korf, "Bin completion algorithms for
multicontainer packing, knapsack, and covering problems", JAIR 28, 2007). Of nodes that are alike
the first takes the largest VM that is not left out. How many vCPUs may stay out is raised until
there is a way, which is then bettered, so an answer within the effort is the best there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.planner.search.supply import PLENTY
from kvmc.planner.search.undominated import Look, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.search.supply import Vector
    from kvmc.planner.search.undominated import Fill, Ware


class Filling(Struct, frozen=True):
    """The best fill of each node that was found."""

    fills: tuple[tuple[int, Fill], ...]
    """(node, how many VMs of each kind); nodes that stay empty are left out."""
    out: int
    """vCPUs left out."""
    proven: bool
    """Whether no other fill leaves out less."""


def fullest(
    wares: Sequence[Ware], nodes: Sequence[Vector], least: int, steps: int
) -> Filling | None:
    """Return the fills that leave out the fewest vCPUs; None where the steps are not enough.

    `nodes` are what each has of what `Ware.needs` speaks of. So many as `least` are left out in any
    case: that is tried first, and then more and more.
    """
    order = sorted(range(len(wares)), key=lambda k: (-wares[k].vcpus, wares[k].needs))
    ranked = [wares[k] for k in order]
    total = sum([ware.vcpus * ware.members for ware in wares])
    more = max([ware.vcpus for ware in wares]) // 4 + 1
    most = least
    while steps > 0:
        given = 2 * steps // 3 + 1
        hunt = _Hunt.of(ranked, nodes, given, (least, most))
        hunt.fill(0, [ware.members for ware in ranked], 0, total)
        if hunt.best is not None:
            fills = [(node, _in_order(fill, order)) for node, fill in hunt.best if any(fill)]
            return Filling(tuple(fills), hunt.most + 1, hunt.steps > 0 or hunt.most < least)
        steps -= given - max(hunt.steps, 0)
        if most >= total:
            return None
        raised = max(more, hunt.short if hunt.steps > 0 else 0)
        most, more = min(most + raised, total), 2 * more
    return None


def _in_order(fill: Fill, order: Sequence[int]) -> Fill:
    """Return a fill with its kinds in the order in which they were given."""
    counts = dict(zip(order, fill, strict=True))
    return tuple([counts[k] for k in range(len(order))])


class _Hunt(Struct):
    """The hunt for fills that leave out no more than so many vCPUs."""

    wares: Sequence[Ware]
    nodes: Sequence[Vector]
    order: Sequence[int]
    """The nodes as they are filled: those that others are like come last."""
    tail: Sequence[int]
    """Place in the order -> the vCPUs that it and the nodes after it hold at the most."""
    alike: int
    """From this place in the order on all nodes are alike."""
    steps: int
    least: int
    """So many vCPUs stay out in any case."""
    most: int
    """The most vCPUs that may stay out; one less than the best so far once there is one."""
    short: int = PLENTY
    """How many more would have had to stay out for the hunt to go further anywhere."""
    best: list[tuple[int, Fill]] | None = None
    path: list[tuple[int, Fill]] = []

    @classmethod
    def of(
        cls, wares: Sequence[Ware], nodes: Sequence[Vector], steps: int, bounds: tuple[int, int]
    ) -> _Hunt:
        """Prepare a hunt; the largest wares come first. `bounds` are the least and the most."""
        likeness = [sum([other == node for other in nodes]) for node in nodes]
        order = sorted(range(len(nodes)), key=lambda n: (likeness[n], nodes[n], n))
        alike = next(
            (at for at, n in enumerate(order) if all(nodes[m] == nodes[n] for m in order[at:])), 0
        )
        tail = [0]
        for n in reversed(order):
            tail.append(tail[-1] + _worth(wares, nodes[n]))
        return cls(wares, nodes, order, tail[::-1], alike, steps, *bounds)

    def fill(self, at: int, left: list[int], out: int, rest: int) -> None:
        """Fill the nodes from a place in the order on in every way that may do.

        `left` are the VMs of each kind that are still to be placed, `rest` their vCPUs; `out` are
        the vCPUs that stay out already.
        """
        if self._too_much(at, out, rest):
            return
        if at == len(self.order) or not rest:
            self.best, self.most = list(self.path), out + rest - 1
            return
        kept = list(left)
        while True:
            first = next((k for k, count in enumerate(left) if count), -1)
            if first < 0:
                break
            forced = first if at >= self.alike else -1
            for fill in self._fills(at, left, forced, out + rest - self.tail[at + 1]):
                placed = sum([n * w.vcpus for n, w in zip(fill, self.wares, strict=True)])
                self.path.append((self.order[at], fill))
                less = [have - n for have, n in zip(left, fill, strict=True)]
                self.fill(at + 1, less, out, rest - placed)
                self.path.pop()
                if self.done:
                    break
            # Without the largest VM here all that are like it stay out.
            gone = left[first] * self.wares[first].vcpus
            out, rest, left[first] = out + gone, rest - gone, 0
            if forced < 0 or self.done or self._too_much(at, out, rest):
                break
            if not rest:
                self.fill(at, left, out, rest)
                break
        left[:] = kept

    @property
    def done(self) -> bool:
        """Whether no effort is left, or nothing is left to better."""
        return self.steps <= 0 or self.most < self.least

    def _too_much(self, at: int, out: int, rest: int) -> bool:
        """Whether too many vCPUs stay out, however the nodes from a place on are filled."""
        short = out + max(rest - self.tail[at], 0) - self.most
        if 0 < short < self.short:
            self.short = short
        return short > 0

    def _fills(self, at: int, left: Sequence[int], forced: int, unplaced: int) -> list[Fill]:
        """Return the fills of a node, the fullest first.

        `unplaced` are the vCPUs that stay out if this node stays empty and the rest is full.
        """
        node = self.nodes[self.order[at]]
        worth = self.tail[at] - self.tail[at + 1]
        look = Look.of(self.wares, left, worth, unplaced - self.most, self.steps)
        if forced < 0:
            look.extend(0, node, 0)
        else:
            need = self.wares[forced].needs
            if within(need, node):
                look.chosen[forced] = 1
                look.forced = forced
                room = tuple([have - n for have, n in zip(node, need, strict=True)])
                look.extend(forced, room, self.wares[forced].vcpus)
        self.steps, self.short = look.steps, min(self.short, look.short)
        return [fill for _, _, fill in sorted(look.found)]


def _worth(wares: Sequence[Ware], node: Vector) -> int:
    """Return the most vCPUs that a node can hold, by what a vCPU takes at the least."""
    most = sum([ware.vcpus * ware.members for ware in wares])
    for d, have in enumerate(node):
        if have < PLENTY and all(ware.needs[d] for ware in wares):
            best = max([(ware.vcpus / ware.needs[d], ware) for ware in wares])[1]
            most = min(most, have * best.vcpus // best.needs[d])
    return most
