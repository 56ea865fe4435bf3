"""The VMs that are to be placed together, and how large each is taken to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.planner.search.pieces import Choice, Order, Piece

if TYPE_CHECKING:
    from kvmc.planner.problem import Problem
    from kvmc.planner.search.fills import Effort
    from kvmc.planner.search.supply import Supply


class Request(Struct, frozen=True):
    """The VMs to be placed together, and how large each is taken to be."""

    problem: Problem
    supply: Supply
    orders: tuple[Order, ...]
    effort: Effort

    @property
    def pieces(self) -> list[Piece]:
        """All pieces of all VMs, isolated threads as one more piece of their VM."""
        found: list[Piece] = []
        for order in self.orders:
            found += order.pieces
            if order.extra_widths:
                found.append(_extra_piece(order))
        return found


def _extra_piece(order: Order) -> Piece:
    count = sum([n for _, n in order.extra_widths])
    choice = Choice(order.extra, 0, 0, count)
    return Piece(order.vm, -1, False, False, (choice,), choice, ())


def at_least(piece: Piece) -> Piece:
    """Take a piece at its leanest."""
    return piece


def at_best(piece: Piece) -> Piece:
    """Take a piece with nothing shared."""
    if piece.lean == (piece.best,) or not piece.lean:
        return piece
    return Piece(
        piece.vm, piece.group, piece.bound, piece.cached, (piece.best,), piece.best, piece.beside
    )
