"""Isolated threads on spare siblings of their own VM (docs/planner.md, rule 3).

A `prefer` VM of 27 vCPUs leaves a thread of its 14th core over, and its isolated emulator may have
that. The search gives isolated threads cores of their own, which is better wherever there are
enough; where there are not, it is asked again with the threads counted as vCPUs of one cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.planner.candidates import widest_core
from kvmc.planner.cuts import all_cuts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Host
    from kvmc.planner.demand import Demand


def tucked(demands: Sequence[Demand], host: Host) -> list[Demand]:
    """Return the demands with the isolated threads of `prefer` VMs as vCPUs from cpu.max on.

    Not with core_sharing: allow, where a core with an isolated thread must stay closed to others
    and one with vCPUs need not.
    """
    if host.policy.core_sharing == "allow":
        return list(demands)
    return [_tuck(d, host) if _may_tuck(d) else d for d in demands]


def _may_tuck(demand: Demand) -> bool:
    return demand.extra > 0 and demand.prefers and bool(demand.vm.dedicated and demand.cpus)


def _tuck(demand: Demand, host: Host) -> Demand:
    variant, widest = demand.variants[-1], widest_core(host, demand.cpus)
    sizes = [len(group.dedicated) for group in demand.groups]
    home = max(range(len(sizes)), key=lambda n: (sizes[n] > 0, sizes[n] % widest > 0, sizes[n]))
    width = variant.cuts[home][0].threads
    first = -(-demand.vm.cpu.max // width)
    threads = [(first + n) * width for n in range(demand.extra)]  # each a guest core of its own
    vcpus = (*demand.groups[home].dedicated, *threads)
    groups, cuts = list(demand.groups), list(variant.cuts)
    groups[home] = replace(groups[home], dedicated=vcpus)
    cuts[home] = all_cuts(vcpus, width, widest)
    shown = replace(variant, cuts=tuple(cuts))
    return replace(demand, groups=tuple(groups), variants=(shown,), extra=0)
