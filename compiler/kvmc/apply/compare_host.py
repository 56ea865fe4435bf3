"""A described host against the machine itself: what placement depends on, and nothing else.

Pure. A fact that one of the two does not tell is not compared, because nothing is made up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cpuset import CpuSet
from kvmc.units import format_kib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvmc.host.model import Core, Host, Node

_TOLERANCE_PERCENT = 2
"""MemTotal is what the kernel leaves over, and that differs a little between kernels."""
_SHOWN = 3


def differences(described: Host, found: Host) -> Iterator[str]:
    """Yield in words which facts of a description are not those of the machine.

    CPUs, thread siblings, nodes, last-level caches, kinds and isolation count; memory and huge
    pages only where there is less than described, memory by more than 2 %.
    """
    yield from _sets("online CPUs", described.online, found.online)
    yield from _groups("thread siblings", described, found, lambda core: core.cpus[0])
    yield from _values("NUMA node", described, found, lambda core: core.node)
    yield from _groups("last-level cache", described, found, lambda core: core.l3)
    yield from _values("kind of core", described, found, lambda core: core.kind)
    yield from _sets("isolated CPUs", described.isolated, found.isolated)
    yield from _memory(described, found)


def _sets(what: str, described: CpuSet, found: CpuSet) -> Iterator[str]:
    if described != found:
        yield f"{what}: {_cpus(found)} here, {_cpus(described)} described"


def _cpus(cpus: CpuSet) -> str:
    return str(cpus) or "none"


def _groups(
    what: str, described: Host, found: Host, key: Callable[[Core], int | None]
) -> Iterator[str]:
    """Yield where CPUs that are online on both sides share something with other CPUs.

    The numbers themselves say nothing: they may be given in another order.
    """
    asked, seen = _sharing(described, found, key), _sharing(found, described, key)
    told = sorted(asked.keys() & seen.keys())
    other = {(asked[cpu], seen[cpu]): None for cpu in told if asked[cpu] != seen[cpu]}
    pairs = [f"{_cpus(now)} here, {_cpus(then)} described" for then, now in other]
    yield from _listed(what, pairs)


def _sharing(host: Host, other: Host, key: Callable[[Core], int | None]) -> dict[int, CpuSet]:
    """Return CPU -> those of both hosts that it shares something with; without it: not told."""
    both = host.online & other.online
    groups: dict[int, list[int]] = {}
    for core in host.cores:
        number = key(core)
        if number is not None:
            groups.setdefault(number, []).extend(cpu for cpu in core.cpus if cpu in both)
    return {cpu: CpuSet(cpus) for cpus in groups.values() for cpu in cpus}


def _values(
    what: str, described: Host, found: Host, key: Callable[[Core], object]
) -> Iterator[str]:
    """Yield which CPUs that are online on both sides have another value."""
    other: dict[tuple[object, object], list[int]] = {}
    for cpu in described.online & found.online:
        then, now = key(described.core_of[cpu]), key(found.core_of[cpu])
        if None not in (then, now) and then != now:
            other.setdefault((then, now), []).append(cpu)
    pairs = [f"of {CpuSet(c)}: {now} here, {then} described" for (then, now), c in other.items()]
    yield from _listed(what, pairs)


def _listed(what: str, pairs: list[str]) -> Iterator[str]:
    if pairs:
        more = f"; and {len(pairs) - _SHOWN} more" if pairs[_SHOWN:] else ""
        yield f"{what}: {'; '.join(pairs[:_SHOWN])}{more}"


def _memory(described: Host, found: Host) -> Iterator[str]:
    here = {node.id: node for node in found.nodes}
    for node in described.nodes if here else ():
        if node.id not in here:
            yield f"node {node.id}: not here, and described"
        else:
            yield from _less(node, here[node.id])


def _less(described: Node, found: Node) -> Iterator[str]:
    then, now = described.memory_kib, found.memory_kib
    if then is not None and now is not None and now * 100 < then * (100 - _TOLERANCE_PERCENT):
        yield f"memory of node {found.id}: {now // 1024}MiB here, {then // 1024}MiB described"
    pages = dict(found.hugepages)
    for size, count in described.hugepages:
        if pages.get(size, count) < count:
            text = f"{pages[size]} here, {count} described"
            yield f"huge pages of {format_kib(size)} on node {found.id}: {text}"
