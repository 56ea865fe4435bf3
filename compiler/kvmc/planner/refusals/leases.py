"""What every VM needs and what each kept one has, in the numbers that `rooms.py` reckons with.

The numbers of `supply.py`, and where cores are shared the cores that nobody is on as well. What is
free must never be counted too low: where several VMs are on one core, all of them together have no
more than the core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.planner.problem import FRESH
from kvmc.planner.refusals.rooms import Lease, Need, Rooms, Spot
from kvmc.planner.search.supply import PLENTY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.booking import Booking
    from kvmc.planner.claims import Claim
    from kvmc.planner.held import Held
    from kvmc.planner.problem import CoreClass, Problem
    from kvmc.planner.search.pieces import Choice, Order, Piece
    from kvmc.planner.search.supply import Supply, Vector


def rooms_of(
    problem: Problem,
    supply: Supply,
    orders: Sequence[Order],
    kept: Mapping[str, Held],
    host: Host,
) -> Rooms:
    """Return the numbers with all VMs away that may go; `keep` puts them back.

    The problem is that of all VMs with nobody kept.
    """
    number = {problem.demands[order.vm].vm.name: order.vm for order in orders}
    whole = _whole(problem, supply)
    left = [[*has, *more] for has, more in zip(supply.nodes, whole, strict=True)]
    totals = [sum(column) for column in zip(*left, strict=True)]
    weights = [1 / total if 0 < total < PLENTY else 0.0 for total in totals]
    loose = {order.vm: _loose(problem, supply, order) for order in orders}
    rooms = Rooms(
        supply=supply,
        spots_of=_spots(problem),
        left=left,
        bins=[list(has) for has in supply.bins],
        needs={order.vm: _needs(problem, order, weights) for order in orders},
        loose={-1: tuple([0 for _ in supply.unions] * (2 if problem.sharing else 1)), **loose},
        leases=_leases(problem, supply, kept, number, host),
        new=frozenset(vm for name, vm in number.items() if name not in kept),
        wanted=[sum(column) for column in zip(*loose.values(), strict=True)],
    )
    for name in kept.keys() - number.keys():
        rooms.keep(name)
        del rooms.leases[name]
    return rooms


def _whole(problem: Problem, supply: Supply) -> list[list[int]]:
    """Return node -> the cores of each union that nobody is on; nothing where none are shared."""
    if not problem.sharing:
        return [[] for _ in problem.nodes]
    found = [[0] * supply.cores for _ in problem.nodes]
    for core_class, count in problem.start.cores.items():
        if core_class.status == FRESH:
            kind = supply.types[core_class.free, core_class.status]
            node = problem.nodes.index(problem.bins[core_class.bin].node)
            for u, union in enumerate(supply.unions):
                found[node][u] += count * (union >> kind & 1)
    return found


def _spots(problem: Problem) -> dict[bool, list[Spot]]:
    return {
        False: [Spot(n, -1) for n, node in enumerate(problem.nodes) if node is not None],
        True: [
            Spot(problem.nodes.index(where.node), b)
            for b, where in enumerate(problem.bins)
            if where.l3 is not None
        ],
    }


def _needs(problem: Problem, order: Order, weights: Sequence[float]) -> tuple[Need, ...]:
    """Return what a rule keeps on a node or in a cache."""
    found: list[Need] = []
    for piece in order.pieces:
        cached = piece.cached and any(choice.units for choice in piece.lean)
        if not (piece.bound or cached):
            continue
        options = tuple([_option(problem, piece, choice) for choice in piece.lean])
        size = sum(n * w for n, w in zip(options[0], weights, strict=True)) if options else 0.0
        alike = [n.group for n in found if (n.options, n.cached) == (options, cached)]
        after = alike[-1] if alike else -1
        found.append(Need(piece.vm, piece.group, options, piece.bound, cached, size, after))
    return tuple(found)


def _option(problem: Problem, piece: Piece, choice: Choice) -> Vector:
    beside = piece.beside if piece.bound else (0,) * len(piece.beside)
    return (*choice.cores, *beside, *_whole_of(problem, piece.vm, choice))


def _whole_of(problem: Problem, vm: int, choice: Choice) -> Vector:
    """Return the cores of each union that a choice shares with no other VM."""
    if not problem.sharing:
        return ()
    alone = not problem.demands[vm].prefers
    return tuple([choice.units if alone and cores else 0 for cores in choice.cores])


def _loose(problem: Problem, supply: Supply, order: Order) -> Vector:
    """Return what a VM takes anywhere at the least; nothing is said of one that can squeeze in."""
    total = [0] * (supply.cores * (2 if problem.sharing else 1))
    if not order.sound:
        return tuple(total)
    for piece in order.pieces:
        if not (piece.bound or piece.cached) and piece.lean:
            choices = [(*c.cores, *_whole_of(problem, piece.vm, c)) for c in piece.lean]
            least = [min(column) for column in zip(*choices, strict=True)]
            total = [a + b for a, b in zip(total, least, strict=True)]
    for u, extra in enumerate(order.extra):
        total[u] += extra
    return tuple(total)


def _leases(
    problem: Problem,
    supply: Supply,
    kept: Mapping[str, Held],
    number: Mapping[str, int],
    host: Host,
) -> dict[str, Lease]:
    """Return what each kept VM has, those with the fewest CPUs first."""
    index = {cpu: n for n, core in enumerate(host.cores) for cpu in core.cpus}
    class_of = {core: c for c, cores in problem.core_of.items() for core in cores}
    spare = {core: _weight(supply, c) for core, c in class_of.items()}
    found = {}
    for name in sorted(kept, key=lambda name: (len(kept[name].own), name)):
        lease = found[name] = Lease(number.get(name, -1))
        for core, wish in _cores(problem, kept[name].claim(), index).items():
            if core in class_of:
                take = min(spare[core], wish)
                spare[core] -= take
                _take(problem, supply, lease, core, class_of[core], take)
        for booking in kept[name].bookings:
            _book(problem, supply, lease, booking)
    return found


def _weight(supply: Supply, core_class: CoreClass) -> int:
    return supply.threads[supply.types[core_class.free, core_class.status]]


def _cores(problem: Problem, claim: Claim, index: Mapping[int, int]) -> dict[int, int]:
    """Return core -> how much of it a claim keeps from all others at the least."""
    joined = problem.sharing and claim.prefers
    found: dict[int, int] = {}
    for cpu in claim.dedicated:
        if cpu in index:
            core = index[cpu]
            found[core] = found.get(core, 0) + 1 if joined else PLENTY
    return found | {index[cpu]: PLENTY for cpu in claim.floating if cpu in index}


def _take(  # noqa: PLR0913 (whose, which core, and how much of it)
    problem: Problem, supply: Supply, lease: Lease, core: int, core_class: CoreClass, take: int
) -> None:
    kind = supply.types[core_class.free, core_class.status]
    node = problem.nodes.index(problem.bins[core_class.bin].node)
    use = tuple([take * (union >> kind & 1) for union in supply.unions])
    on_node = lease.nodes.setdefault(node, [0] * len(supply.nodes[0]))
    in_bin = lease.bins.setdefault(core_class.bin, [0] * supply.cores)
    for u, amount in enumerate(use):
        on_node[u] += amount
        in_bin[u] += amount
    lease.classes[core_class] = lease.classes.get(core_class, 0) + 1
    if problem.sharing and core_class.status == FRESH:
        lease.cores.append((core, node, kind))


def _book(problem: Problem, supply: Supply, lease: Lease, booking: Booking) -> None:
    """Add the memory, pages and floating vCPUs that a rule binds to a node."""
    if booking.node not in problem.nodes:
        return
    node = problem.nodes.index(booking.node)
    use = lease.nodes.setdefault(node, [0] * len(supply.nodes[0]))
    if booking.page_kib is None:
        use[supply.cores] += booking.memory_kib
    elif booking.page_kib in supply.sizes:
        pages = booking.memory_kib // booking.page_kib
        use[supply.cores + 1 + supply.sizes.index(booking.page_kib)] += pages
    use[-1] += booking.floats
