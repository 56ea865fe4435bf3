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


class _Best(Struct):
    """The best seats so far."""

    proven: bool
    """Whether no set with fewer vCPUs is possible."""
    weight: int = 0
    """The vCPUs that are left out."""
    table: Table | None = None
    shared: int = 0

    def add(self, table: Table | None) -> None:
        """Take a table if it shares less."""
        if table is not None:
            shared = shared_siblings(table.problem, table)
            if self.table is None or shared < self.shared:
                self.table, self.shared = table, shared


def fewest_out(  # noqa: PLR0913 (the host in sums, and how to place)
    problem: Problem,
    orders: Sequence[Order],
    asked: Sequence[tuple[int, ...]],
    have: Sequence[int],
    trials: Trials,
    *,
    proven: bool,
) -> tuple[Table | None, bool]:
    """Return the seats of the VMs that stay, and whether no larger set is possible.

    `asked` is what each VM takes of the sums over the host, `have` what those are; `proven` is
    whether all of them together are known not to fit.
    """
    if len(orders) == 1:
        return None, proven
    kinds = []
    all_tried = True
    for kind in _kinds(problem, orders, asked):
        table, sure = trials.place(kind.members[:1], problem.budget)
        if table is not None:
            kinds.append(kind)
        else:
            all_tried &= sure
    proven &= all_tried
    alone = sorted(n for kind in kinds for n in kind.members)
    if not alone:
        return None, proven
    wanted = [sum(column) for column in zip(*[asked[n] for n in alone], strict=True)]
    sets = Sets.of(kinds, wanted, have)
    stow = trials.stow
    few = stow is not None and len(alone) <= _FEW * len(problem.nodes)
    found = _smallest(problem, sets, alone, trials, _Best(proven=few or proven), quick=few)
    done = found.table is not None
    if not done and stow is not None:
        found.table, done = stow(alone, found.weight if few else 0)
        found.proven = done
    if not done:
        found.table, found.proven = _with_slack(problem, sets, found, alone, trials), False
    return found.table, found.proven and all_tried


def _smallest(  # noqa: PLR0913 (the search and how far it goes)
    problem: Problem,
    sets: Sets,
    alone: Sequence[int],
    trials: Trials,
    best: _Best,
    *,
    quick: bool = False,
) -> _Best:
    """Try the sets by the vCPUs that they leave out, as far as the effort goes.

    Where it is to be `quick` it ends with the first number of vCPUs that is not ruled out, because
    easy fleets end with the first sets that the sums over the host allow.
    """
    stop = trials.left() - (1 if quick else _TRIES) * problem.budget
    most = problem.budget // 2 if quick else _A_TRY * problem.budget
    tries = 0
    for weight in range(sets.total + 1):
        best.weight, sure = weight, True
        for out in sets.weighing(weight):
            rest = [n for n in alone if n not in out]
            if best.table is not None and (tries > _MOST_TIES or trials.least(rest) >= best.shared):
                return best
            if trials.left() <= stop:
                return best
            tries += 1
            table, none = trials.place(rest, most)
            sure &= none
            best.add(table)
        if best.table is not None or sets.steps <= 0:
            return best
        best.proven &= sure and not sets.cut
        if quick and not best.proven:
            return best
    return best


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


def _with_slack(
    problem: Problem, sets: Sets, found: _Best, alone: Sequence[int], trials: Trials
) -> Table | None:
    """Return seats for a set that leaves out more than the sums ask for, as little as is found.

    The more room is left the easier it is to find seats: what is left out beyond a number of vCPUs
    is doubled until they are found, and then halved again. `found` is the number that may do, and
    the best so far if there is any.
    """
    stop = trials.left() - _ROOMY * problem.budget
    best = found.table
    low, high, more = found.weight, sets.total + 1, 1
    if best is not None:
        placed = {one.piece.vm for one in best.seats}
        high = sum([problem.demands[n].vm.cpu.max for n in alone if n not in placed])
    while low + 1 < high and (best is None or trials.left() > stop):
        middle = sets.next(low + more if best is None else (low + high) // 2)
        if middle >= high:
            high = (low + high) // 2
            continue
        more *= 2
        table = None
        for out in sets.weighing(middle, roomy=True)[:_MOST_ROOMY]:
            if table is None:
                rest = [n for n in alone if n not in out]
                table, _ = trials.place(rest, problem.budget)
        if table is not None:
            best, high = table, middle
        else:
            low = middle
    return best
