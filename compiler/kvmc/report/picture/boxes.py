"""Which of a host's parts lies in which: packages, nodes and caches do not nest alike everywhere.

nodes within packages      a server: socket 0 [node 0 [L3 0 ...] node 1 [...]] socket 1 [...]
packages within one node   a small board, many virtual machines: node 0 [socket 0 [...] ...]
neither                    the package and the node stand in one heading, "socket 0, node 1"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmc.report.picture.model import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from kvmc.host.model import Core as HostCore
    from kvmc.host.model import Host
    from kvmc.report.picture.model import Core, Memory

_LAST = 1 << 30
"""Sorts what is unknown behind every number."""


def boxes_of(
    host: Host, draw: Callable[[HostCore], Core], memories: Mapping[int, Memory]
) -> tuple[Box, ...]:
    """Return the outermost boxes; nodes without CPUs come last."""
    cores = sorted(host.cores, key=lambda c: (*map(_number, (c.package, c.node, c.l3)), c.cpus[0]))
    builder = _Builder(host, draw, memories)
    if _within(cores, _node, _package):
        boxes = builder.nodes_in_packages(cores)
    elif _within(cores, _package, _node):
        boxes = builder.packages_in_nodes(cores)
    else:
        boxes = builder.mixed(cores)
    empty = [node.id for node in host.nodes if not host.node_cpus[node.id]]
    return (*boxes, *(Box(level="node", label=_bare(n), memory=memories.get(n)) for n in empty))


class _Builder:
    """Holds what every box needs."""

    def __init__(
        self, host: Host, draw: Callable[[HostCore], Core], memories: Mapping[int, Memory]
    ) -> None:
        self._draw = draw
        self._memories = memories
        self._kinds = len({core.kind for core in host.cores}) > 1
        self._parts = _cache_parts(host.cores)

    def nodes_in_packages(self, cores: Sequence[HostCore]) -> tuple[Box, ...]:
        return tuple(
            Box(level="package", label=_called("socket", package), boxes=self._nodes(inside))
            for package, inside in _grouped(cores, _package)
        )

    def packages_in_nodes(self, cores: Sequence[HostCore]) -> tuple[Box, ...]:
        return tuple(
            Box(
                level="node",
                label=_called("node", node),
                memory=self._memories.get(node if node is not None else -1),
                boxes=tuple(
                    Box(
                        level="package",
                        label=_called("socket", package),
                        boxes=self._caches(part),
                    )
                    for package, part in _grouped(inside, _package)
                ),
            )
            for node, inside in _grouped(cores, _node)
        )

    def mixed(self, cores: Sequence[HostCore]) -> tuple[Box, ...]:
        """Return a box for each pair; a node's memory stands where the node comes first."""
        found, seen = [], set()
        for (package, node), inside in _grouped(cores, lambda c: (c.package, c.node)):
            names = [_called("socket", package), _called("node", node)]
            memory = self._memories.get(node) if node not in seen else None
            seen.add(node)
            label = ", ".join(name for name in names if name)
            box = Box(level="node", label=label, memory=memory, boxes=self._caches(inside))
            found.append(box)
        return tuple(found)

    def _nodes(self, cores: Sequence[HostCore]) -> tuple[Box, ...]:
        return tuple(
            Box(
                level="node",
                label=_called("node", node),
                memory=self._memories.get(node if node is not None else -1),
                boxes=self._caches(inside),
            )
            for node, inside in _grouped(cores, _node)
        )

    def _caches(self, cores: Sequence[HostCore]) -> tuple[Box, ...]:
        found = []
        for (l3, kind), inside in _grouped(cores, lambda c: (c.l3, c.kind)):
            label = _called("L3", l3)
            if l3 is not None and len({(c.package, c.node) for c in self._parts[l3]}) > 1:
                label += " (part)"
            if self._kinds and kind:
                label = ", ".join(text for text in (label, f"{kind} cores") if text)
            drawn = tuple(self._draw(core) for core in inside)
            found.append(Box(level="cache", label=label, cores=drawn))
        return tuple(found)


def _cache_parts(cores: Iterable[HostCore]) -> dict[int, list[HostCore]]:
    found: dict[int, list[HostCore]] = {}
    for core in cores:
        if core.l3 is not None:
            found.setdefault(core.l3, []).append(core)
    return found


def _grouped(
    cores: Iterable[HostCore], key: Callable[[HostCore], Hashable]
) -> list[tuple[Any, list[HostCore]]]:
    """Return (key, cores) in the order in which the keys first appear."""
    found: dict[Any, list[HostCore]] = {}
    for core in cores:
        found.setdefault(key(core), []).append(core)
    return list(found.items())


def _within(
    cores: Iterable[HostCore],
    inner: Callable[[HostCore], int | None],
    outer: Callable[[HostCore], int | None],
) -> bool:
    """Whether each inner part lies in one outer part; unknown inner parts are anywhere."""
    homes: dict[int, set[int | None]] = {}
    for core in cores:
        number = inner(core)
        if number is not None:
            homes.setdefault(number, set()).add(outer(core))
    return all(len(found) == 1 for found in homes.values())


def _package(core: HostCore) -> int | None:
    return core.package


def _node(core: HostCore) -> int | None:
    return core.node


def _number(fact: int | None) -> int:
    return _LAST if fact is None else fact


def _called(word: str, number: int | None) -> str:
    return "" if number is None else f"{word} {number}"


def _bare(node: int) -> str:
    return f"node {node}, no CPUs"
