"""Branch and bound over whole-VM placements: exact on what it finishes, honest where it stops.

VMs are taken in a fixed order; each is placed in every way that `patterns` offers, and the branch
is cut where the preferences counted so far, plus what each VM still to come costs at the very
least, cannot beat the best plan found. A state that was reached before at no higher cost, by the
same VMs, is not entered again (A. H. Land and A. G. Doig, "An automatic method of solving discrete
programming problems", 1960, for the method; transposition tables are from game search).

First all VMs are asked for; only where that is impossible, or not found, may VMs be left out.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.planner.memory import book_unbound
from kvmc.planner.problem import FRESH, Cost, Solution, widened
from kvmc.planner.search.patterns import ways
from kvmc.planner.search.sums import surely_too_many
from kvmc.planner.search.units import bin_content

if TYPE_CHECKING:
    from kvmc.planner.problem import Problem, State, VmPlacement
    from kvmc.planner.search.patterns import Way

_LOOKS = 1
"""Sets of nodes looked at for each step: where most hold nothing, a step takes long."""
_AFTER_FIRST = 0.25
"""The part of the budget spent on a better plan once there is one."""
_ANY = 1 << 30
"""More vCPUs than any plan leaves out."""


class _Exhausted(Exception):  # noqa: N818 (it ends a search, it is no error)
    """The effort bound is hit."""


class _Run(Struct):
    """The state of one search: the best plan so far and what was seen."""

    problem: Problem
    may_skip: bool
    steps: int = 0
    looks: int = 0
    """Sets of nodes that were looked at for a part of a VM."""
    limit: int = 0
    best: tuple[Cost, tuple[VmPlacement | None, ...], State] | None = None
    seen: dict[object, Cost] = {}
    least: tuple[Cost, ...] = ()
    fewer_than: int = _ANY
    """Only plans that leave out fewer vCPUs are looked for."""
    wanted: tuple[tuple[int, int], ...] = ()
    """For each index what the demands from there on want: (cores alone, threads of any core)."""

    def visit(
        self, index: int, state: State, cost: Cost, chosen: tuple[VmPlacement | None, ...]
    ) -> None:
        """Place demands from `index` on in every way that may beat the best plan."""
        if self.fewer_than < _ANY and self._leaves_as_many(index, state, cost):
            return
        if index == len(self.problem.demands):
            self._finish(state, cost, chosen)
            return
        if self._hopeless(index, state, cost):
            return

        def hopeless(shared: int, split: int, nodes: int) -> bool:
            self.look()
            if self.best is None:
                return False
            rest = self.least[index + 1]
            price = (
                cost.left_out + rest.left_out,
                cost.moved + rest.moved,
                cost.shared + shared + rest.shared,
                cost.split + split + rest.split,
                cost.nodes + nodes + rest.nodes,
            )
            return price > self.best[0][:5]

        for way in ways(self.problem, index, state, hopeless):
            self._step()
            self.visit(index + 1, way.state, _plus(cost, way), (*chosen, way.placement))
        if self.may_skip:
            left = cost.left_out + self.problem.demands[index].vm.cpu.max
            self.visit(index + 1, state, cost._replace(left_out=left), (*chosen, None))

    def _leaves_as_many(self, index: int, state: State, cost: Cost) -> bool:
        """Whether no fewer vCPUs are left out than known: those that the rest must add counted."""
        left = self.fewer_than - cost.left_out
        return left <= 0 or left <= _too_many(self.wanted[index], state)

    def look(self, *_price: int) -> bool:
        """Count a look; no price is too high."""
        self.looks += 1
        if self.looks > _LOOKS * self.limit:
            raise _Exhausted
        return False

    def _step(self) -> None:
        self.steps += 1
        if self.steps > self.limit:
            raise _Exhausted

    def _finish(self, state: State, cost: Cost, chosen: tuple[VmPlacement | None, ...]) -> None:
        final = cost._replace(
            memory=sum(not fits for _, fits in book_unbound(state)),
            fragments=_fragments(self.problem, state),
        )
        if self.best is None or final < self.best[0]:
            if self.best is None:
                rest = int(self.problem.budget * _AFTER_FIRST)
                self.limit = min(self.limit, self.steps + rest)
            self.best = (final, chosen, state)
            if self.fewer_than < _ANY:
                self.fewer_than = final.left_out

    def _hopeless(self, index: int, state: State, cost: Cost) -> bool:
        if self.best is not None:
            least = self.least[index]
            bound = Cost(*(a + b for a, b in zip(cost, least, strict=True)))
            if bound._replace(fragments=_fragments(self.problem, state)) >= self.best[0]:
                return True
        key = (index, _canonical(self.problem, state))
        before = self.seen.get(key)
        if before is not None and before <= cost:
            return True
        self.seen[key] = cost
        return False


def search_exactly(problem: Problem) -> Solution:
    """Return the best plan found, and whether it is proven to be the best."""
    able = [n for n in range(len(problem.demands)) if _has_place(problem, n)]
    if len(able) < len(problem.demands):
        return widened(problem, able, search_exactly(problem.only(able)))
    proven = surely_too_many(problem)
    if not proven:
        whole, proven = _run(problem, may_skip=False)
        if whole.best is not None:
            return _solution(problem, whole, complete=proven)
    part, complete = _run(problem, may_skip=True)
    return _solution(problem, part, complete=proven and complete)


def _has_place(problem: Problem, index: int) -> bool:
    """Whether a VM has a place on the host as it is; others only take places away.

    Where it takes as many looks as a search may have to tell, it counts as having one.
    """
    run = _Run(problem=problem, may_skip=False, limit=problem.budget)
    try:
        return next(iter(ways(problem, index, problem.start, run.look)), None) is not None
    except _Exhausted:
        return True


def fewest_left_out(problem: Problem, known: int) -> tuple[list[int] | None, bool]:
    """Return the VMs of a plan that leaves out fewer vCPUs than are known to do, None: not found.

    The other result is whether none leaves out fewer still. No other preference is looked at.
    """
    run, proven = _run(problem, may_skip=True, fewer_than=known)
    if run.best is None:
        return None, proven
    return [n for n, placement in enumerate(run.best[1]) if placement is not None], proven


def bettered(problem: Problem, found: Solution) -> Solution:
    """Return a better plan of all VMs than one that is known, or that one: none was found."""
    run = _Run(
        problem=problem,
        may_skip=False,
        limit=problem.budget,
        least=_least(problem, may_skip=False),
        best=(found.cost, found.placements, found.final),
    )
    with suppress(_Exhausted):
        run.visit(0, problem.start, Cost(), ())
    if run.best is None or run.best[1] is found.placements:
        return found
    return _solution(problem, run, complete=found.complete)


def _run(problem: Problem, *, may_skip: bool, fewer_than: int = _ANY) -> tuple[_Run, bool]:
    run = _Run(
        problem=problem,
        may_skip=may_skip,
        limit=problem.budget,
        least=_least(problem, may_skip=may_skip),
        fewer_than=fewer_than,
        wanted=_wanted(problem) if fewer_than < _ANY else (),
    )
    try:
        run.visit(0, problem.start, Cost(), ())
    except _Exhausted:
        return run, False
    return run, True


def _solution(problem: Problem, run: _Run, *, complete: bool) -> Solution:
    if run.best is None:
        nobody = (None,) * len(problem.demands)
        left = sum(demand.vm.cpu.max for demand in problem.demands)
        return Solution(
            placements=nobody,
            order=(),
            cost=Cost(left_out=left),
            final=problem.start,
            complete=complete,
        )
    cost, chosen, state = run.best
    order = tuple(n for n, placement in enumerate(chosen) if placement is not None)
    return Solution(placements=chosen, order=order, cost=cost, final=state, complete=complete)


def _plus(cost: Cost, way: Way) -> Cost:
    return cost._replace(
        shared=cost.shared + way.shared,
        split=cost.split + way.split,
        nodes=cost.nodes + way.nodes,
        caches=cost.caches + way.caches,
        distance=cost.distance + way.distance,
    )


def _least(problem: Problem, *, may_skip: bool) -> tuple[Cost, ...]:
    """Return, for each index, what the demands from there on cost at the very least."""
    total = Cost()
    found = [total]
    for demand in reversed(problem.demands):
        groups = sum(bool(group.dedicated) for group in demand.groups)
        if groups and not may_skip:
            nodes = groups if demand.groups[0].cell is not None else 1
            total = total._replace(nodes=total.nodes + nodes, caches=total.caches + groups)
        found.append(total)
    return tuple(reversed(found))


def _wanted(problem: Problem) -> tuple[tuple[int, int], ...]:
    alone = threads = 0
    found = [(0, 0)]
    for demand in reversed(problem.demands):
        count = sum([len(group.dedicated) for group in demand.groups])
        if demand.prefers or any(variant.threads > 1 for variant in demand.variants):
            threads += count
        else:
            alone += count
        found.append((alone, threads))
    return tuple(reversed(found))


def _too_many(wanted: tuple[int, int], state: State) -> int:
    """Return how many vCPUs find no place at the least: those alone take the narrowest cores."""
    alone, threads = wanted
    widths = {c: max(map(int.bit_count, c.free)) for c in state.cores}
    fresh = sorted(
        [widths[c] for c, n in state.cores.items() if c.status == FRESH for _ in range(n)]
    )
    total = sum([widths[c] * n for c, n in state.cores.items()])
    least = alone + threads
    taken = 0
    for count in range(min(alone, len(fresh)) + 1):
        least = min(least, alone - count + max(threads - total + taken, 0))
        taken += fresh[count] if count < len(fresh) else 0
    return least


def _fragments(problem: Problem, state: State) -> int:
    used = [problem.bins[b] for b in state.touched]
    return len({b.node for b in used}) + len({b.cache for b in used})


def _canonical(problem: Problem, state: State) -> object:
    """Return what is left, the same for states that differ in which of two like bins is used."""
    bins = sorted(
        (
            problem.bins[b].node is None,
            problem.bins[b].node or 0,
            repr(bin_content(problem, state, b)),
        )
        for b in range(len(problem.bins))
    )
    rest = (
        tuple(sorted(state.memory.items())),
        tuple(sorted(state.pages.items())),
        tuple(sorted(state.pool.items())),
        tuple(sorted(state.floats.items())),
        state.all_floats,
        tuple(sorted(state.unbound)),
    )
    return tuple(bins), rest
