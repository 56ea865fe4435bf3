"""What is to be placed when nodes are evened out, and what is still to come at every step."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.planner.problem import FRESH
from kvmc.planner.search.packing import board_of, needs_of, size_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvmc.planner.problem import Problem
    from kvmc.planner.search.bends import Bend
    from kvmc.planner.search.pieces import Piece
    from kvmc.planner.search.supply import Supply, Vector


class Task(Struct, frozen=True):
    """One piece that a rule binds, in the numbers that decide where it may go."""

    piece: Piece
    needs: Vector
    """At its fewest cores; memory and the like after the cores where bound."""
    wish: int
    singles: int
    """vCPUs that can go onto cores with one free thread."""
    paired: int
    """The same for those of whole guest cores: two such cores stand in for one."""
    bend: Bend | None
    first: bool
    """Whether no other piece of its VM was placed before."""


class Tasks(Struct, frozen=True):
    """The pieces that a rule binds, large VMs first; what each and all after it take, and the rest.

    The lists have one entry more than there are tasks: what those take that nothing binds.
    """

    tasks: list[Task]
    needs: list[Vector]
    """Cores of each union at the least."""
    sums: list[int]
    """Cores of all unions together at the least, which no bending lessens."""
    singles: list[int]
    """vCPUs that can go onto cores with one free thread."""
    paired: list[int]
    """The same for those of whole guest cores."""


def tasks_of(
    problem: Problem,
    supply: Supply,
    pieces: Sequence[Piece],
    bends: Mapping[tuple[int, int], Bend | None],
) -> Tasks:
    """Return the tasks, and what is still to come at each of them."""
    tasks = _tasks(problem, supply, pieces, bends)
    loose = [p for p in pieces if not (p.bound or p.cached)]
    later = [*loose, *[task.piece for task in reversed(tasks)]]
    singles = [_singles(problem, supply, piece) for piece in later]

    def ahead(amounts: list[int]) -> list[int]:
        return [0, *accumulate(amounts)][len(loose) :][::-1]

    return Tasks(
        tasks,
        _needs(supply, later)[len(loose) :][::-1],
        ahead([min([sum(choice.cores) for choice in piece.lean]) for piece in later]),
        ahead([one for one, _ in singles]),
        ahead([two for _, two in singles]),
    )


def _tasks(
    problem: Problem,
    supply: Supply,
    pieces: Sequence[Piece],
    bends: Mapping[tuple[int, int], Bend | None],
) -> list[Task]:
    board = board_of(problem, supply, pieces)
    by_vm: dict[int, list[Piece]] = {}
    for piece in sorted(
        [p for p in pieces if p.bound or p.cached], key=lambda p: (-size_of(board, p), p.group)
    ):
        by_vm.setdefault(piece.vm, []).append(piece)
    order = sorted(
        by_vm.values(),
        key=lambda mine: (not mine[0].cached, -size_of(board, mine[0]), -len(mine), mine[0].vm),
    )
    found = []
    for mine in order:
        for number, piece in enumerate(mine):
            choice = piece.lean[0]
            needs = needs_of(piece, choice)
            bend = bends[piece.vm, piece.group]
            one, two = _singles(problem, supply, piece)
            wish, first = piece.best.units, number == 0
            found.append(Task(piece, needs, wish, one, two, bend, first))
    return found


def _singles(problem: Problem, supply: Supply, piece: Piece) -> tuple[int, int]:
    """Return how many cores with one free thread a piece could use: one by one, in pairs."""
    demand, view = problem.demands[piece.vm], problem.view[piece.vm]
    joins = demand.prefers and piece.group >= 0
    fits = supply.sets.get((view, 1, joins), 0)
    if not any(
        fits >> number & 1 and status == FRESH and is_narrow(free)
        for (free, status), number in supply.types.items()
    ):
        return 0, 0
    if piece.group < 0:
        return piece.best.units, 0
    vcpus = len(demand.groups[piece.group].dedicated)
    return (0, vcpus) if piece.best.units * 2 == vcpus else (vcpus, 0)


def _needs(supply: Supply, later: Sequence[Piece]) -> list[Vector]:
    """Return what the first pieces take at the least: none, one, two, and so on."""
    needs = [(0,) * supply.cores]
    for piece in later:
        least = [min(column) for column in zip(*[c.cores for c in piece.lean], strict=True)]
        needs.append(tuple([a + b for a, b in zip(needs[-1], least, strict=True)]))
    return needs


def is_narrow(free: Sequence[int]) -> bool:
    """Whether a core has one free thread only, whoever asks."""
    return max([mask.bit_count() for mask in free]) == 1
