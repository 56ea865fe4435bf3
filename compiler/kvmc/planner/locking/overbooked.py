"""What the lines of a lock take together beside CPUs, and where that is more than there is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from kvmc.cpuset import EMPTY
from kvmc.units import format_kib

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.booking import Booking
    from kvmc.planner.held import Held


def overbooked(lines: Sequence[Held], host: Host) -> Iterator[str]:
    """Yield a sentence for each sum that the host cannot carry (docs/planner.md, rules 4, 7, 8).

    What `manual` VMs take is not counted: it follows their pins, and is nobody's choice.
    """
    bookings = [b for line in lines if line.strategy != "manual" for b in line.bookings]
    yield from _floats(bookings, host)
    yield from _memory(bookings, host)


def _floats(bookings: Sequence[Booking], host: Host) -> Iterator[str]:
    shared = host.policy.shared & host.online
    asked: Counter[int | None] = Counter()
    for b in bookings:
        asked[None] += b.floats
        if b.node is not None:
            asked[b.node] += b.floats
    for node, count in asked.items():
        cpus = shared if node is None else shared & host.node_cpus.get(node, EMPTY)
        most = host.policy.carries(len(cpus))
        if count > most:
            where = "" if node is None else f" of node {node}"
            yield f"{count} vCPUs float on the shared CPUs{where}, which carry {most}"


def _memory(bookings: Sequence[Booking], host: Host) -> Iterator[str]:
    bound: Counter[tuple[int, int | None]] = Counter()
    pool: Counter[int] = Counter()
    for b in bookings:
        if b.node is not None:
            bound[b.node, b.page_kib] += b.memory_kib
        if b.page_kib is not None:
            pool[b.page_kib] += b.memory_kib
    have: Counter[int] = Counter()
    for node in host.nodes:
        for size, count in node.hugepages:
            have[size] += size * count
            if bound[node.id, size] > size * count:
                yield _lacks(bound[node.id, size], size * count, node.id, size)
        if node.plain_kib is not None and bound[node.id, None] > node.plain_kib:
            yield _lacks(bound[node.id, None], node.plain_kib, node.id, None)
    for size, kib in pool.items():
        if kib > have[size]:
            yield _lacks(kib, have[size], None, size)


def _lacks(asked: int, have: int, node: int | None, size: int | None) -> str:
    kind = "memory" if size is None else f"pages of {format_kib(size)}"
    where = "the host" if node is None else f"node {node}"
    return f"they take {format_kib(asked)} of {kind} on {where}, which has {format_kib(have)}"
