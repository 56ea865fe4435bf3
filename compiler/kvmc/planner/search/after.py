"""What is left of a host's cores once units sit on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.planner.problem import FRESH, MIXED, OPEN, OWN, CoreClass

if TYPE_CHECKING:
    from kvmc.planner.demand import Demand
    from kvmc.planner.problem import Item, Problem, State

Items = tuple[tuple[int, tuple["Item", ...]], ...]
"""By width, widest first: the cores that units of that width go onto."""


def take(state: State, items: Items, *, opens: bool) -> tuple[State, int]:
    """Return the state without the cores taken, and how many units joined used cores.

    `opens`: what is left of a core stays open to the VM's other cells and isolated threads, and
    under core_sharing: allow to other VMs. That is for vCPUs where the thread policy is `prefer`;
    a core with isolated threads is closed to everyone.
    """
    cores = dict(state.cores)
    touched = set(state.touched)
    joined = 0
    for _, chosen in items:
        for core_class, mask, count in chosen:
            cores[core_class] -= count
            if not cores[core_class]:
                del cores[core_class]
            touched.add(core_class.bin)
            joined += count if core_class.status != FRESH else 0
            rest = tuple(free & ~mask for free in core_class.free)
            if opens and any(rest):
                key = CoreClass(core_class.bin, rest, after_joining(core_class.status))
                cores[key] = cores.get(key, 0) + count
    return replace(state, cores=cores, touched=frozenset(touched)), joined


def after_joining(status: int) -> int:
    """Return what a core is to the VM that has just joined it."""
    return OWN if status in (FRESH, OWN) else MIXED


def closed(state: State, problem: Problem, demand: Demand) -> State:
    """Return the state for the next VM: own cores become open ones, or are gone."""
    if not any(c.status in (OWN, MIXED) for c in state.cores):
        return state
    cores: dict[CoreClass, int] = {}
    for core_class, count in state.cores.items():
        key = core_class
        if core_class.status in (OWN, MIXED):
            if not (problem.sharing and demand.prefers):
                continue
            key = core_class._replace(status=OPEN)
        cores[key] = cores.get(key, 0) + count
    return replace(state, cores=cores)
