"""Where each piece could be if all VMs that may move were away: what can be in one place only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.planner.refusals.rooms import add, fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.planner.refusals.rooms import Need, Rooms, Spot


def narrow(rooms: Rooms) -> bool:
    """Find the spots that each need may have, with all VMs away; False: a new one has none.

    What can be in one place only takes its room from all others.
    """
    nodes, bins = ([list(one) for one in part] for part in (rooms.left, rooms.bins))
    kept = {lease.vm: name for name, lease in rooms.leases.items()}
    fixed: set[tuple[int, int]] = set()
    while True:
        more = _once(rooms, nodes, bins, kept, fixed)
        if more is None:
            return False
        if not more:
            return True
        for need in more:
            (spot,) = rooms.domains[need.vm, need.group]
            least = [min(column) for column in zip(*need.options, strict=True)]
            add(nodes[spot.node], least, -1)
            if spot.bin >= 0:
                add(bins[spot.bin], least[: rooms.supply.cores], -1)
            fixed.add((need.vm, need.group))


def _once(
    rooms: Rooms,
    nodes: list[list[int]],
    bins: list[list[int]],
    kept: dict[int, str],
    fixed: set[tuple[int, int]],
) -> list[Need] | None:
    """Return the needs that turn out to have one spot; None where one of a new VM has none."""
    known: dict[object, list[Spot]] = {}
    found = []
    for vm, needs in rooms.needs.items():
        if vm not in rooms.new and kept[vm] not in rooms.leases:
            continue
        for need in needs:
            if (vm, need.group) in fixed:
                continue
            key = (need.options, need.cached)
            if key not in known:
                known[key] = [
                    spot
                    for spot in rooms.spots_of[need.cached]
                    if any(fits(option, spot, nodes, bins) for option in need.options)
                ]
            rooms.domains[vm, need.group] = known[key]
            if len(known[key]) == 1:
                found.append(need)
        if _stuck(rooms, needs):
            if vm in rooms.new:
                return None
            rooms.keep(kept[vm])
            del rooms.leases[kept[vm]]
            found = [need for need in found if need.vm != vm]
    return found


def _stuck(rooms: Rooms, needs: Sequence[Need]) -> bool:
    """Whether a VM's pieces have too few spots: none, or not a node each."""
    spots = [rooms.domains[need.vm, need.group] for need in needs]
    bound = [mine for need, mine in zip(needs, spots, strict=True) if need.bound]
    return not all(spots) or any(
        len({spot.node for spot in mine}) < sum(other == mine for other in bound) for mine in bound
    )
