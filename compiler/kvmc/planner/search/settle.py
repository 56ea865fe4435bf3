"""From the places that `balance` finds to seats: near each other where it works, else thriftily."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.planner.problem import FRESH
from kvmc.planner.search.arrange import seats
from kvmc.planner.search.balance import Search
from kvmc.planner.search.growth import grow
from kvmc.planner.search.outcome import shared_siblings
from kvmc.planner.search.packing import Home, board_of, needs_of, pack, size_of
from kvmc.planner.search.seating import seat, table_of
from kvmc.planner.search.spreading import spread
from kvmc.planner.search.thrift import seat_thriftily

if TYPE_CHECKING:
    from kvmc.planner.search.pieces import Piece
    from kvmc.planner.search.request import Request
    from kvmc.planner.search.seating import Table
    from kvmc.planner.search.sizing import Spot, Spots

Placed = tuple["Piece", list[int], Home]
"""A piece, the bins it may use, and its home."""


def balanced(request: Request, floor: int, best: int, inside: int) -> tuple[Table | None, bool]:
    """Return seats that share fewer than `best` siblings, `floor` of them if possible.

    `inside` is what all VMs share at their best. Without seats the second value is whether there
    are none at any price, as far as the counts tell.
    """
    pieces = request.pieces
    settler = _Settler(request, pieces, best)
    search = Search(request.problem, request.supply, pieces, request.effort, settler.accept)
    search.run(floor, best, inside)
    return settler.table, search.proves


class _Settler(Struct):
    """Turns spots into seats and keeps the best."""

    request: Request
    pieces: list[Piece]
    least: int
    table: Table | None = None

    def accept(self, spots: Spots, expected: int) -> int | None:
        """Return how many siblings are shared with these spots; None where no seats were found.

        Ways to seat are tried until one shares as few as expected.
        """
        sized = [
            replace(p, lean=(spots[p.vm, p.group].choice,)) if p.lean else p for p in self.pieces
        ]
        found = None
        for make in (self._near, self._reserved, self._thrifty):
            table = make(sized, spots)
            if table is None:
                continue
            shared = shared_siblings(self.request.problem, table)
            found = shared if found is None else min(shared, found)
            if shared < self.least:
                self.table, self.least = table, shared
            if shared <= expected:
                break
        return found

    def _near(self, sized: list[Piece], spots: Spots) -> Table | None:
        """Seat those that nothing binds first where their memory is, too."""
        request = self.request
        board = board_of(request.problem, request.supply, sized)
        loose = []
        for piece in sized:
            spot = spots[piece.vm, piece.group]
            if spot.node < 0:
                loose.append(piece)
            else:
                board.put(piece, _home(piece, spot))
        loose.sort(key=lambda p: (-size_of(board, p), p.vm, p.group))
        return seats(request, board, sized, pack(board, loose), lean=True)

    def _reserved(self, sized: list[Piece], spots: Spots) -> Table | None:
        """Seat those that nothing binds once the others have taken what they gain from."""
        table, levels = self._begun(sized, spots)
        for level in levels[:-2]:
            if not all(seat(table, piece, home) for piece, _, home in level):
                return None
        grow(table, self._spare(table, levels))
        if not all(spread(table, piece) for level in levels[-2:] for piece, _, _ in level):
            return None
        grow(table)
        return table

    def _thrifty(self, sized: list[Piece], spots: Spots) -> Table | None:
        """Seat with scarce cores first, near or not."""
        table, levels = self._begun(sized, spots)
        if not all(seat_thriftily(table, level) for level in levels[:-2]):
            return None
        grow(table, self._spare(table, levels))
        if not all(seat_thriftily(table, level) for level in levels[-2:]):
            return None
        grow(table)
        return table

    def _begun(self, sized: list[Piece], spots: Spots) -> tuple[Table, list[list[Placed]]]:
        """Return an empty table and the pieces by how far they may go, the strict ones first."""
        request = self.request
        problem = request.problem
        extra = {order.vm: order.extra_widths for order in request.orders if order.extra_widths}
        table = table_of(problem, extra, join_first=True)
        levels: list[list[Placed]] = [[], [], [], [], [], []]
        for piece in sized:
            spot = spots[piece.vm, piece.group]
            joins = problem.demands[piece.vm].prefers and piece.group >= 0
            bins = _bins(table, spot)
            levels[_level(spot) * 2 + joins].append((piece, bins, _home(piece, spot)))
        for level in levels:
            # Whole guest cores first: they share nothing as long as they stay whole.
            level.sort(
                key=lambda one: (one[0].best.units != one[0].lean[0].units, -one[0].best.units)
            )
        return table, levels

    def _spare(self, table: Table, levels: list[list[Placed]]) -> int:
        """Return how many cores those that nothing binds can do without.

        None where cores are not shared between VMs: the cuts are what they should be by then.
        """
        if not self.request.problem.sharing:
            return 0
        free = sum([n for b in table.stock.bins for c, n in b.items() if c.status == FRESH])
        whole, bending = levels[-2:]
        free -= sum([piece.lean[0].units for piece, _, _ in whole])
        stiff = [p.lean[0].units for p, _, _ in bending if p.lean[0].units == p.best.units]
        return max(free - sum(stiff), 0)


def _home(piece: Piece, spot: Spot) -> Home:
    return Home(spot.node, spot.bin, spot.choice, needs_of(piece, spot.choice))


def _bins(table: Table, spot: Spot) -> list[int]:
    if spot.bin >= 0:
        return [spot.bin]
    return table.bins_of[spot.node] if spot.node >= 0 else list(range(len(table.stock.bins)))


def _level(spot: Spot) -> int:
    """Return 0 for a cache, 1 for a node, 2 for anywhere."""
    if spot.bin >= 0:
        return 0
    return 1 if spot.node >= 0 else 2
