"""The independent checker: reads a finished plan against the rules, and runs on every plan.

It shares nothing with the search: it looks at CPUs in pins, not at classes or counts. What is whose
is read off the pins once (`holders`); then each function of `verify_cores` and `verify_nodes` is
one rule of docs/planner.md and yields a sentence for each breach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.planner import verify_cores, verify_nodes
from kvmc.planner.holders import holder_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Host
    from kvmc.planner.model import VmPlan
    from kvmc.spec.model import Vm

RULES = (
    verify_cores.every_vcpu_is_pinned,
    verify_cores.every_dedicated_vcpu_is_dedicated,
    verify_cores.no_cpu_is_dedicated_twice,
    verify_cores.only_usable_cpus_are_dedicated,
    verify_cores.no_hyperthread_conflict,
    verify_cores.claimed_cores_are_left_alone,
    verify_cores.thread_policy_holds,
    verify_nodes.cells_lie_on_nodes,
    verify_nodes.the_vm_lies_on_a_node,
    verify_nodes.caches_hold_cells,
    verify_nodes.memory_fits,
    verify_nodes.overcommit_holds,
)
"""Every rule, one function each."""


def breaches(host: Host, vms: Sequence[tuple[Vm, VmPlan]]) -> tuple[str, ...]:
    """Return every breach of the rules of contract section 4; () for a sound plan."""
    holders = [holder_of(host, vm, plan) for vm, plan in vms if vm.pin.strategy != "none"]
    return tuple([text for rule in RULES for text in rule(host, holders)])
