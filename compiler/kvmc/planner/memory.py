"""Memory that no rule binds, and whether it is where the vCPUs are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.planner.problem import State, Unbound


def book_unbound(state: State) -> Iterator[tuple[Unbound, bool]]:
    """Yield each unbound group and whether its memory fits what is left on the nodes it uses.

    Bound groups are booked in the state already. The others follow by VM name and cell; each takes
    what is left from the lowest of its nodes on (docs/planner.md, preference 6). A node of unknown
    memory takes everything.
    """
    memory = dict(state.memory)
    pages = dict(state.pages)
    for group in sorted(state.unbound):
        if group.page_kib is None:
            missing = group.memory_kib
            for node in group.nodes:
                part = min(missing, max(memory.get(node, missing), 0))
                missing -= part
                if node in memory:
                    memory[node] -= part
            yield group, missing == 0
        else:
            wanted = group.memory_kib // group.page_kib
            for node in group.nodes:
                part = min(wanted, pages.get((node, group.page_kib), 0))
                wanted -= part
                if part:
                    pages[node, group.page_kib] -= part
            yield group, wanted == 0
