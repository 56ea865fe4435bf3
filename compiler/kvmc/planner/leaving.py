"""Who is left out where not all fit: the set with the fewest vCPUs.

Sets are tried by their number of vCPUs, from the fewest that the sums over the host allow; of those
with equally many the one that leaves the fewest siblings shared is taken. VMs that ask for the same
are alike: of those the last by name are left out first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmc.planner.outcome import shared_siblings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kvmc.planner.pieces import Order
    from kvmc.planner.problem import Problem
    from kvmc.planner.seating import Table

_MOST_TRIES = 400
"""Sets tried before the best found so far is taken."""
_MOST_TIES = 30
"""Sets with equally many vCPUs that are compared."""


class Trials(NamedTuple):
    """How a set of VMs is tried."""

    place: Callable[[Sequence[int]], tuple[Table | None, bool]]
    """Returns seats for all of some VMs, or whether there are none for sure."""
    tired: Callable[[], bool]
    """Whether no effort is left."""


class _Kind(NamedTuple):
    """VMs that ask for the same."""

    members: tuple[int, ...]
    """Last by name first."""
    vcpus: int
    asks: tuple[int, ...]


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
    place = trials.place
    alone = []
    for number in range(len(orders)):
        table, sure = place([number])
        if table is not None:
            alone.append(number)
        else:
            proven &= sure
    kinds = _kinds(problem, orders, asked, alone)
    excess = [sum(asked[n][d] for n in alone) - total for d, total in enumerate(have)]
    greedy, limit = _greedy(problem, alone, place)
    found = 0
    best: Table | None = None
    least = ties = 0
    for tries, out in enumerate(_sets(kinds, excess, limit + 1)):
        weight = sum(problem.demands[n].vm.cpu.max for n in out)
        ties += best is not None or weight == limit
        if best is not None and (weight > found or ties > _MOST_TIES or trials.tired()):
            return best, proven
        if tries > _MOST_TRIES or trials.tired() or ties > _MOST_TIES:
            return greedy, proven and weight == limit
        table, sure = place([n for n in alone if n not in out])
        if table is None:
            proven &= sure or weight == limit
            continue
        shared = shared_siblings(problem, table)
        if best is None or shared < least:
            best, least, found = table, shared, weight
        if not shared:
            return best, proven
    return (best or greedy), proven


def _kinds(
    problem: Problem,
    orders: Sequence[Order],
    asked: Sequence[tuple[int, ...]],
    alone: Sequence[int],
) -> list[_Kind]:
    found: dict[object, list[int]] = {}
    for number in alone:
        demand = problem.demands[number]
        shape = [(p.bound, p.cached, p.lean, p.beside) for p in orders[number].pieces]
        key = (demand.vm.cpu.max, demand.vm.pin.threads, problem.view[number], repr(shape))
        found.setdefault((key, asked[number]), []).append(number)
    kinds = []
    for members in found.values():
        names = sorted(members, key=lambda n: problem.demands[n].vm.name, reverse=True)
        kinds.append(
            _Kind(tuple(names), problem.demands[names[0]].vm.cpu.max, tuple(asked[names[0]]))
        )
    return sorted(kinds, key=lambda kind: (-kind.vcpus, kind.members))


def _greedy(
    problem: Problem,
    alone: Sequence[int],
    place: Callable[[Sequence[int]], tuple[Table | None, bool]],
) -> tuple[Table | None, int]:
    """Return a set that fits, found by letting the largest in first, and the vCPUs it leaves."""
    inside: list[int] = []
    best: Table | None = None
    left = 0
    for number in sorted(alone, key=lambda n: (-problem.demands[n].vm.cpu.max, n)):
        table, _ = place(sorted([*inside, number]))
        if table is None:
            left += problem.demands[number].vm.cpu.max
        else:
            best = table
            inside.append(number)
    return best, left


def _sets(kinds: Sequence[_Kind], excess: Sequence[int], limit: int) -> Iterator[set[int]]:
    """Yield sets to leave out that free what is lacking, by vCPUs, below a limit."""
    reach = [1]
    for kind in reversed(kinds):
        now = reach[-1]
        for _ in kind.members:
            now |= now << kind.vcpus
        reach.append(now)
    reach.reverse()
    for target in range(limit):
        if reach[0] >> target & 1:
            yield from _exact(kinds, 0, target, list(excess), reach, ())


def _exact(  # noqa: PLR0913 (the state of a recursion)
    kinds: Sequence[_Kind],
    index: int,
    missing: int,
    excess: list[int],
    reach: Sequence[int],
    out: tuple[int, ...],
) -> Iterator[set[int]]:
    if missing < 0 or not reach[index] >> missing & 1:
        return
    if missing == 0:
        if all(e <= 0 for e in excess):
            yield set(out)
        return
    kind = kinds[index]
    most = min(len(kind.members), missing // kind.vcpus)
    for count in range(most, -1, -1):
        less = [e - count * a for e, a in zip(excess, kind.asks, strict=True)]
        rest = missing - count * kind.vcpus
        yield from _exact(kinds, index + 1, rest, less, reach, (*out, *kind.members[:count]))
