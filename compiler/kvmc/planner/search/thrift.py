"""Seats for many pieces at once where caches are full to the last thread: scarce cores first.

It finds seats where piece after piece (`seating.py`) does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.planner.search.seating import Seat, cuts_to_try

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.search.packing import Home
    from kvmc.planner.search.pieces import Piece
    from kvmc.planner.search.seating import Table
    from kvmc.planner.search.stock import Taken


def seat_thriftily(table: Table, level: Sequence[tuple[Piece, Sequence[int], Home]]) -> bool:
    """Give pieces cores of their bins, the widest units of all first, on scarce cores first."""
    problem, stock = table.problem, table.stock
    taken: dict[int, list[Taken]] = {n: [] for n in range(len(level))}
    open_units = [_widths(table, piece, home) for piece, _, home in level]
    for width in sorted({1}.union(*open_units), reverse=True):
        for number, (piece, bins, _) in enumerate(level):
            demand, view = problem.demands[piece.vm], problem.view[piece.vm]
            joins = demand.prefers and piece.group >= 0 and problem.sharing
            count = open_units[number].get(width, 0)
            mine = {t.core_class.bin for t in taken[number]}
            got = stock.take_scarce(
                sorted(bins, key=lambda b: b not in mine), view, (width, count), joins=joins
            )
            missing = count - sum([t.number for t in got])
            if missing and (width == 1 or not joins):
                return False
            if missing:
                # A pair that finds no core is split: its vCPUs may join others.
                narrower = open_units[number]
                narrower[width] -= missing
                narrower[1] = narrower.get(1, 0) + width * missing
            if joins:
                stock.reopen(got, view)
            taken[number] += got
    for number, (piece, _, home) in enumerate(level):
        found = _cut_with(table, piece, home, taken[number])
        if found is None:
            return False
        table.seats.append(Seat(piece, *found, home.node, taken[number]))
    return True


def _widths(table: Table, piece: Piece, home: Home) -> dict[int, int]:
    if piece.group < 0:
        return dict(table.extra[piece.vm])
    variant = table.problem.demands[piece.vm].variants[home.choice.variant]
    return dict(variant.cuts[piece.group][home.choice.cut].widths)


def _cut_with(
    table: Table, piece: Piece, home: Home, taken: Sequence[Taken]
) -> tuple[int, int] | None:
    """Return the (variant, cut) of a piece whose units have the widths taken."""
    counts: dict[int, int] = {}
    for one in taken:
        counts[one.width] = counts.get(one.width, 0) + one.number
    for v, c, widths in cuts_to_try(table, piece, home.choice):
        if dict(widths) == counts:
            return v, c
    return None
