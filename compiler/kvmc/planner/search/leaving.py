"""Who is left out where not all fit: the set with the fewest vCPUs.

Sets are tried by their number of vCPUs, from the fewest that the sums over the host allow; of those
with equally many the one that leaves the fewest siblings shared is taken. VMs that ask for the same
are alike: of those the last by name are left out first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from msgspec import Struct

from kvmc.planner.search.outcome import shared_siblings
from kvmc.planner.search.subsets import Kind, Sets

if TYPE_CHECKING:
    from kvmc.planner.problem import Problem
    from kvmc.planner.search.pieces import Order
    from kvmc.planner.search.seating import Table

_A_TRY = 2
"""What one set may cost, in units of the problem's budget."""
_FEW = 4
"""VMs a node with which filling nodes is quicker than trying sets."""
_TRIES = 10
"""What all sets that are as small as can be may cost."""
_ROOMY = 8
"""What sets that leave out more may cost beside."""
_MOST_ROOMY = 3
"""Sets tried with each number of vCPUs more."""
_MOST_TIES = 30
"""Sets with equally many vCPUs that are compared."""


Stow: TypeAlias = Callable[[Sequence[int], int], tuple["Table | None", bool]]


class Trials(NamedTuple):
    """How a set of VMs is tried."""

    place: Callable[[Sequence[int], int], tuple[Table | None, bool]]
    """Returns seats for all of some VMs, or whether there are none for sure, in so many steps."""
    least: Callable[[Sequence[int]], int]
    """Returns how many siblings some VMs share at the least."""
    left: Callable[[], int]
    """Returns the steps that are left."""
    stow: Stow | None = None
    """Returns the best seats that leave out so many vCPUs or more, and whether they are proven;
    for VMs of which nothing but nodes decides."""


class Totals(NamedTuple):
    """The sums over the host."""

    asked: Sequence[tuple[int, ...]]
    """What each VM takes of them."""
    have: Sequence[int]
    """What they are."""


class _Hunt(Struct, frozen=True):
    """The VMs that some are to be left out of, and how it is found out which."""

    problem: Problem
    alone: Sequence[int]
    """The VMs that fit where they are alone on the host."""
    sets: Sets
    trials: Trials

    def without(self, out: set[int], steps: int) -> tuple[Table | None, bool]:
        """Return seats for all but some VMs, or whether there are none for sure."""
        return self.trials.place(self.staying(out), steps)

    def staying(self, out: set[int]) -> list[int]:
        """Return all VMs but some."""
        return [n for n in self.alone if n not in out]


def fewest_out(
    problem: Problem, orders: Sequence[Order], totals: Totals, trials: Trials, *, proven: bool
) -> tuple[Table | None, bool]:
    """Return the seats of the VMs that stay, and whether no larger set is possible.

    `proven` is whether all of them together are known not to fit.
    """
    if len(orders) == 1:
        return None, proven
    kinds, others_never = _fitting_alone(problem, _kinds(problem, orders, totals.asked), trials)
    alone = sorted(n for kind in kinds for n in kind.members)
    if not alone:
        return None, proven and others_never
    wanted = [sum(column) for column in zip(*[totals.asked[n] for n in alone], strict=True)]
    hunt = _Hunt(problem, alone, Sets.of(kinds, wanted, totals.have), trials)
    few = trials.stow is not None and len(alone) <= _FEW * len(problem.nodes)
    tried = _first_sets(hunt) if few else _all_sets(hunt, proven=proven and others_never)
    if tried.table is not None:
        return tried.table, tried.proven and others_never
    table = None
    if trials.stow is not None:
        table, best = trials.stow(alone, tried.weight if few else 0)
        if best:
            return table, others_never
    return _with_slack(hunt, tried.weight, table), False


def _fitting_alone(
    problem: Problem, kinds: Sequence[Kind], trials: Trials
) -> tuple[list[Kind], bool]:
    """Return the kinds of VMs that fit alone, and whether the others never do for sure."""
    fitting, sure = [], True
    for kind in kinds:
        table, none = trials.place(kind.members[:1], problem.budget)
        if table is not None:
            fitting.append(kind)
        else:
            sure &= none
    return fitting, sure


class _Tried(Struct):
    """Sets by the vCPUs that they leave out, and the best seats so far."""

    hunt: _Hunt
    most: int
    """Steps for one set."""
    stop: int
    """No set is tried once only so many steps are left."""
    proven: bool
    """Whether no set with fewer vCPUs is possible."""
    weight: int = 0
    """The vCPUs that are left out."""
    count: int = 0
    """Sets tried."""
    table: Table | None = None
    shared: int = 0

    def ends_with(self, weight: int) -> bool:
        """Try the sets with so many vCPUs; return whether there are seats, or no effort left."""
        self.weight, none_at_all = weight, True
        sets = self.hunt.sets
        for out in sets.weighing(weight):
            if self._is_enough(out) or self.hunt.trials.left() <= self.stop:
                return True
            self.count += 1
            table, none = self.hunt.without(out, self.most)
            none_at_all &= none
            self._add(table)
        if self.table is not None or sets.steps <= 0:
            return True
        self.proven &= none_at_all and not sets.cut
        return False

    def _is_enough(self, out: set[int]) -> bool:
        """Whether a set, and those after it, need not be tried to better the seats there are."""
        if self.table is None:
            return False
        least = self.hunt.trials.least
        return self.count > _MOST_TIES or least(self.hunt.staying(out)) >= self.shared

    def _add(self, table: Table | None) -> None:
        """Take a table if it shares less."""
        if table is not None:
            shared = shared_siblings(table.problem, table)
            if self.table is None or shared < self.shared:
                self.table, self.shared = table, shared


def _first_sets(hunt: _Hunt) -> _Tried:
    """Try sets up to the first number of vCPUs that is not ruled out.

    Easy fleets end with the first sets that the sums over the host allow, so it is to be quick.
    """
    budget = hunt.problem.budget
    tried = _Tried(hunt, budget // 2, hunt.trials.left() - budget, proven=True)
    for weight in range(hunt.sets.total + 1):
        if tried.ends_with(weight) or not tried.proven:
            break
    return tried


def _all_sets(hunt: _Hunt, *, proven: bool) -> _Tried:
    """Try the sets by the vCPUs that they leave out, as far as the effort goes."""
    budget = hunt.problem.budget
    tried = _Tried(hunt, _A_TRY * budget, hunt.trials.left() - _TRIES * budget, proven)
    for weight in range(hunt.sets.total + 1):
        if tried.ends_with(weight):
            break
    return tried


def _kinds(
    problem: Problem, orders: Sequence[Order], asked: Sequence[tuple[int, ...]]
) -> list[Kind]:
    found: dict[object, list[int]] = {}
    for number, order in enumerate(orders):
        demand = problem.demands[number]
        shape = tuple([(p.bound, p.cached, p.lean, p.beside) for p in order.pieces])
        key = (demand.vm.cpu.max, demand.vm.pin.threads, problem.view[number], shape)
        found.setdefault((key, asked[number]), []).append(number)
    kinds = []
    for members in found.values():
        names = sorted(members, key=lambda n: problem.demands[n].vm.name, reverse=True)
        first = orders[names[0]]
        wishes = sum([p.best.units for p in first.pieces]) + sum([n for _, n in first.extra_widths])
        wishes += first.crowded
        vcpus = problem.demands[names[0]].vm.cpu.max
        kinds.append(Kind(tuple(names), vcpus, asked[names[0]], wishes))
    return sorted(kinds, key=lambda kind: (-kind.vcpus, kind.members))


def _with_slack(hunt: _Hunt, low: int, best: Table | None) -> Table | None:
    """Return seats for a set that leaves out more than the sums ask for, as little as is found.

    The more room is left the easier it is to find seats: what is left out beyond `low`, the number
    of vCPUs that may do, is doubled until they are found, and then halved again. `best` are the
    best seats so far if there are any.
    """
    sets, trials, budget = hunt.sets, hunt.trials, hunt.problem.budget
    stop = trials.left() - _ROOMY * budget
    high, more = sets.total + 1, 1
    if best is not None:
        placed = {one.piece.vm for one in best.seats}
        high = sum([hunt.problem.demands[n].vm.cpu.max for n in hunt.alone if n not in placed])
    while low + 1 < high and (best is None or trials.left() > stop):
        middle = sets.next(low + more if best is None else (low + high) // 2)
        if middle >= high:
            high = (low + high) // 2
            continue
        more *= 2
        table = None
        for out in sets.weighing(middle, roomy=True)[:_MOST_ROOMY]:
            if table is None:
                table, _ = hunt.without(out, budget)
        if table is not None:
            best, high = table, middle
        else:
            low = middle
    return best
