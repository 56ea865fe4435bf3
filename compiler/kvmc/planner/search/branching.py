"""Branch and bound over whole-VM placements: exact on what it finishes, honest where it stops.

VMs are taken in a fixed order; each is placed in every way that `patterns` offers, and the branch
is cut where the preferences counted so far, plus what each VM still to come costs at the very
least, cannot beat the best plan found. A state that was reached before at no higher cost, by the
same VMs, is not entered again (A. H. Land and A. G. Doig, "An automatic method of solving discrete
programming problems", 1960, for the method; transposition tables are from game search).

First all VMs are asked for; only where that is impossible, or not found, may VMs be left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.planner.memory import book_unbound
from kvmc.planner.problem import Cost, Solution
from kvmc.planner.search.patterns import ways
from kvmc.planner.search.sums import surely_too_many
from kvmc.planner.search.units import bin_content

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.problem import Problem, State, VmPlacement
    from kvmc.planner.search.patterns import Way

_LOOKS = 1
"""Sets of nodes looked at for each step: where most hold nothing, a step takes long."""
_AFTER_FIRST = 0.25
"""The part of the budget spent on a better plan once there is one."""


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

    def visit(
        self, index: int, state: State, cost: Cost, chosen: tuple[VmPlacement | None, ...]
    ) -> None:
        """Place demands from `index` on in every way that may beat the best plan."""
        if index == len(self.problem.demands):
            self._finish(state, cost, chosen)
            return
        if self._hopeless(index, state, cost):
            return

        def hopeless(shared: int, split: int, nodes: int) -> bool:
            self._look()
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

    def _look(self) -> None:
        self.looks += 1
        if self.looks > _LOOKS * self.limit:
            raise _Exhausted

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
        return _widened(problem, able, search_exactly(_only(problem, able)))
    proven = surely_too_many(problem)
    if not proven:
        whole, proven = _run(problem, may_skip=False)
        if whole.best is not None:
            return _solution(problem, whole, complete=proven)
    part, complete = _run(problem, may_skip=True)
    return _solution(problem, part, complete=proven and complete)


def _has_place(problem: Problem, index: int) -> bool:
    """Whether a VM has a place on the host as it is; others only take places away."""
    found = ways(problem, index, problem.start, lambda *_: False)
    return next(iter(found), None) is not None


def _only(problem: Problem, able: Sequence[int]) -> Problem:
    return replace(
        problem,
        demands=tuple([problem.demands[n] for n in able]),
        view=tuple([problem.view[n] for n in able]),
    )


def _widened(problem: Problem, able: Sequence[int], found: Solution) -> Solution:
    """Return a solution for some VMs as one for all."""
    placements: list[VmPlacement | None] = [None] * len(problem.demands)
    for number, placement in zip(able, found.placements, strict=True):
        placements[number] = placement
    left = sum(d.vm.cpu.max for n, d in enumerate(problem.demands) if n not in able)
    return replace(
        found,
        placements=tuple(placements),
        order=tuple([able[n] for n in found.order]),
        cost=found.cost._replace(left_out=found.cost.left_out + left),
    )


def _run(problem: Problem, *, may_skip: bool) -> tuple[_Run, bool]:
    run = _Run(
        problem=problem,
        may_skip=may_skip,
        limit=problem.budget,
        least=_least(problem, may_skip=may_skip),
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
