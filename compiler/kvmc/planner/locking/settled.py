"""A plan made anew: VMs that ask for the same exchange places where that lets one stay."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.planner.held import demand_fingerprint, hold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvmc.planner.held import Held
    from kvmc.planner.model import VmPlan
    from kvmc.spec.model import Vm


def settled(
    plans: Mapping[str, VmPlan], vms: Mapping[str, Vm], former: Sequence[Held]
) -> dict[str, VmPlan]:
    """Return the plans with places exchanged, so that as many VMs as can are where they were.

    "Move nothing" stands second among the preferences, and this changes none of the others.
    """
    were = {line.name: line.where for line in former}
    alike: dict[object, list[str]] = {}
    for name, plan in plans.items():
        if plan.strategy not in ("manual", "none"):
            alike.setdefault(_asked(vms[name]), []).append(name)
    found = dict(plans)
    for names in alike.values():
        places: dict[object, list[VmPlan]] = {}
        for name in names:
            places.setdefault(hold(vms[name], plans[name]).where, []).append(plans[name])
        stay = {name: mine.pop() for name in names if (mine := places.get(were.get(name)))}
        left = chain.from_iterable(places.values())
        stay |= dict(zip([name for name in names if name not in stay], left, strict=True))
        found |= {name: replace(place, name=name) for name, place in stay.items()}
    return found


def _asked(vm: Vm) -> object:
    """Return all that a VM's plan follows from: VMs alike in that can have each other's."""
    return demand_fingerprint(vm), vm.cpu.count, vm.tune.scheduler
