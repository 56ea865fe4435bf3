"""Packing and bin completion on their own: what they find, and what they prove."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.host.model import Core, Host, Node
from kvmc.planner.demand import demands_of
from kvmc.planner.search.completion import complete
from kvmc.planner.search.fills import Effort
from kvmc.planner.search.packing import board_of, pack
from kvmc.planner.search.pieces import orders_of
from kvmc.planner.search.setup import problem_of
from kvmc.planner.search.supply import supply_of
from tests.support.fleets import GIB, celled, host_of, machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.search.packing import Board
    from kvmc.planner.search.pieces import Piece
    from kvmc.spec.model import Vm


def board(vms: Sequence[Vm], host: Host) -> tuple[Board, list[Piece]]:
    problem = problem_of(host, demands_of(vms, host), (), ())
    supply = supply_of(problem)
    pieces = [piece for order in orders_of(problem, supply) for piece in order.pieces]
    return board_of(problem, supply, pieces), pieces


def bound(*cores: int, gib: int = 1) -> list[Vm]:
    return [machine(f"vm{n}", 2 * c, gib, numa="require") for n, c in enumerate(cores)]


def test_a_plain_host_has_one_dimension_for_cores() -> None:
    empty, _ = board(bound(1, 2), host_of("2x14x2"))
    assert empty.supply.cores == 1
    assert empty.supply.nodes == ((14, 256 * GIB, 0), (14, 256 * GIB, 0))


def test_best_fit_decreasing_fails_where_completion_does_not() -> None:
    """14 = 7+4+3 = 6+5+3; best-fit decreasing joins 7 and 6."""
    vms = bound(7, 6, 5, 4, 3, 3)
    first, pieces = board(vms, host_of("2x14x2"))
    ranked = sorted(pieces, key=lambda p: -p.best.units)
    assert pack(first, ranked, near=False)
    second, pieces = board(vms, host_of("2x14x2"))
    effort = Effort(10_000)
    assert complete(second, pieces, effort)
    assert [left[0] for left in second.nodes] == [0, 0]


def test_completion_proves_what_does_not_fit() -> None:
    """Three of 8 cores on two nodes of 14, though 24 are less than 28."""
    empty, pieces = board(bound(8, 8, 8), host_of("2x14x2"))
    effort = Effort(10_000)
    assert not complete(empty, pieces, effort)
    assert not effort.cut


def test_completion_gives_up_without_claiming_anything() -> None:
    empty, pieces = board(bound(7, 6, 5, 4, 3, 3), host_of("2x14x2"))
    effort = Effort(2)
    assert not complete(empty, pieces, effort)
    assert effort.cut


def test_a_thousand_nodes_are_not_too_deep() -> None:
    count = 1_100
    host = Host(
        name="wide",
        nodes=tuple(Node(id=n) for n in range(count)),
        cores=tuple(Core(cpus=(2 * n, 2 * n + 1), node=n, l3=n) for n in range(count)),
    )
    empty, pieces = board(bound(*[1] * count), host)
    assert complete(empty, pieces, Effort(1 << 40))
    assert not any(left[0] for left in empty.nodes)


def test_memory_and_cores_are_filled_together() -> None:
    """Pairs by cores are (10, 4) and (9, 5); memory allows only those."""
    host = host_of("2x14x2")
    vms = [
        machine(name, 2 * cores, gib, numa="require")
        for name, cores, gib in (("a", 10, 100), ("b", 9, 200), ("c", 5, 56), ("d", 4, 156))
    ]
    empty, pieces = board(vms, host)
    assert complete(empty, pieces, Effort(10_000))
    assert [left[:2] for left in empty.nodes] == [[0, 0], [0, 0]]


def test_the_cells_of_a_vm_get_different_nodes() -> None:
    vms = [celled("a", [14, 14]), celled("b", [14, 14])]
    empty, pieces = board(vms, host_of("2x14x2"))
    assert complete(empty, pieces, Effort(10_000))
    assert {empty.homes[0, 0].node, empty.homes[0, 1].node} == {0, 1}
    three, pieces = board([celled("c", [2, 2, 2])], host_of("2x14x2"))
    effort = Effort(10_000)
    assert not complete(three, pieces, effort)
    assert not effort.cut


def test_odd_vms_need_half_their_vcpus_in_cores_at_least() -> None:
    _, pieces = board([machine("a", 7, threads="prefer")], host_of("desktop"))
    assert pieces[0].lean[0].units == 4
    assert pieces[0].best.units == 7
    assert [choice.units for choice in pieces[0].ladder] == [4, 5, 6, 7]
