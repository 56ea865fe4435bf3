"""Which VMs fill nodes best: the answer of `filling`, held to trying every placement."""

from __future__ import annotations

from collections import Counter
from itertools import product
from random import Random
from typing import TYPE_CHECKING

import pytest

from kvmc.planner.search.filling import fullest
from kvmc.planner.search.undominated import Ware

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.search.filling import Filling
    from kvmc.planner.search.supply import Vector

ENOUGH = 1_000_000


def _least_out(wares: Sequence[Ware], nodes: Sequence[Vector]) -> int:
    """Return the fewest vCPUs left out of all ways to give each VM a node or none."""
    vms = [ware for ware in wares for _ in range(ware.members)]
    best = sum(ware.vcpus for ware in vms)
    for homes in product(range(len(nodes) + 1), repeat=len(vms)):
        out = sum(w.vcpus for w, home in zip(vms, homes, strict=True) if home == len(nodes))
        if out < best and all(
            sum(w.needs[d] for w, home in zip(vms, homes, strict=True) if home == n) <= have
            for n, node in enumerate(nodes)
            for d, have in enumerate(node)
        ):
            best = out
    return best


def _drawn(seed: int) -> tuple[list[Ware], list[Vector]]:
    rng = Random(seed)  # noqa: S311 - not for secrets
    cores, gib = rng.randint(4, 9), rng.randint(4, 9)
    nodes: list[Vector] = [(cores, gib)] * rng.randint(1, 3)
    if rng.random() < 0.4:
        nodes[0] = (cores - rng.randint(0, 3), gib)
    drawn = Counter(
        (rng.choice((n, 2 * n)), (n, rng.randint(0, 5)))
        for n in [rng.randint(1, 5) for _ in range(rng.randint(2, 7))]
    )
    return [Ware(vcpus, needs, count) for (vcpus, needs), count in drawn.items()], nodes


def _check(wares: Sequence[Ware], nodes: Sequence[Vector], found: Filling) -> None:
    """Nothing is placed twice, every node holds its fill, and the rest is what is left out."""
    assert len({node for node, _ in found.fills}) == len(found.fills)
    placed = [sum(column) for column in zip(*[fill for _, fill in found.fills], strict=True)]
    placed = placed or [0] * len(wares)
    assert all(n <= ware.members for n, ware in zip(placed, wares, strict=True))
    for node, fill in found.fills:
        for d, have in enumerate(nodes[node]):
            assert sum(n * w.needs[d] for n, w in zip(fill, wares, strict=True)) <= have
    left = [w.vcpus * (w.members - n) for n, w in zip(placed, wares, strict=True)]
    assert found.out == sum(left)


@pytest.mark.parametrize("seed", range(150))
def test_no_placement_leaves_out_less(seed: int) -> None:
    wares, nodes = _drawn(seed)
    found = fullest(wares, nodes, 0, ENOUGH)
    assert found is not None
    _check(wares, nodes, found)
    assert found.proven
    assert found.out == _least_out(wares, nodes)


def test_what_stays_out_in_any_case_is_where_it_begins_and_ends() -> None:
    wares = [Ware(8, (4,), 3), Ware(2, (1,), 2)]
    found = fullest(wares, [(4,), (4,)], 12, ENOUGH)
    assert found is not None
    assert (found.out, found.proven) == (12, True)


def test_without_effort_there_is_no_answer() -> None:
    assert fullest([Ware(8, (4,), 3)], [(4,), (4,)], 0, 0) is None


def test_nobody_fits() -> None:
    found = fullest([Ware(8, (4,), 3)], [(3,)], 0, ENOUGH)
    assert found is not None
    assert (found.fills, found.out, found.proven) == ((), 24, True)
