"""Plans all VMs of one host: joins demand, search, assignment, verification and explanation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmc.diagnostics import Outcome, error
from kvmc.planner import places
from kvmc.planner.assign import assign
from kvmc.planner.claims import claims
from kvmc.planner.demand import demand_of
from kvmc.planner.manual import check_claims
from kvmc.planner.memory import book_unbound
from kvmc.planner.model import HostPlan, Unplaced, VmPlan
from kvmc.planner.notices import notices
from kvmc.planner.refusal import refuse
from kvmc.planner.search import search
from kvmc.planner.setup import problem_of
from kvmc.planner.verify import breaches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Host
    from kvmc.planner.problem import Problem, Solution
    from kvmc.spec.model import Vm


class UnsoundPlanError(AssertionError):
    """The independent checker found a breach in a finished plan: a bug in the planner."""


def plan_host(vms: Sequence[Vm], host: Host | None) -> Outcome[HostPlan]:
    """Place all VMs of a host together; the order of `vms` does not matter.

    The value is always there and holds every VM that got a place; for each of the others there is
    an `Unplaced` and an error. `host` None is for VMs that need none. Raises UnsoundPlanError where
    the plan fails its own verification.
    """
    ordered = sorted(vms, key=lambda vm: vm.name)
    if host is None:
        return _hostless(ordered)
    by_number = check_claims(claims(ordered), host)
    wrong = {name: found for name, found in by_number.items() if any(d.is_error for d in found)}
    sound = [vm for vm in ordered if vm.name not in wrong]
    problem = _problem(sound, host)
    solution = search(problem)
    plans = _plans(sound, host, problem, solution)
    _verify(host, sound, plans)
    missing = [vm for vm in sound if vm.name not in plans]
    refused = refuse(
        host, missing, [(vm, plans[vm.name]) for vm in sound if vm.name in plans], solution
    )
    unplaced = [u for u, _ in refused]
    unplaced += [
        Unplaced(name=n, reason=found[0].message, proven=True) for n, found in wrong.items()
    ]
    said = notices(host, [(vm, plans[vm.name]) for vm in sound if vm.name in plans], solution.final)
    return Outcome(
        HostPlan(
            host=host,
            vms=tuple(plans.values()),
            unplaced=tuple(sorted(unplaced, key=lambda u: u.name)),
        ),
        (*(d for found in by_number.values() for d in found), *(d for _, d in refused), *said),
    )


def _hostless(vms: Sequence[Vm]) -> Outcome[HostPlan]:
    """Plan VMs that need no host: nothing is checked against CPUs, and nothing can be."""
    found = [
        error(
            "KV513",
            f"pin.{name} needs a host, and {vm.name} names none",
            vm.place.at("pin", name),
            hint="say `host: NAME`, or --host",
        )
        for vm in vms
        for name in ("emulator", "iothreads")
        if vm.pin.strategy == "manual" and getattr(vm.pin, name) in ("share", "isolate")
    ]
    plans = [
        places.by_hand(vm, None) if vm.pin.strategy == "manual" else places.unpinned(vm)
        for vm in vms
    ]
    return Outcome(HostPlan(host=None, vms=tuple(plans)), tuple(found))


def _problem(vms: Sequence[Vm], host: Host) -> Problem:
    """Return the search's input; VMs that cannot be placed for a reason of their own stay out."""
    demands = [demand_of(vm, host) for vm in vms if vm.pin.strategy != "none"]
    wanted = [d for d in demands if not d.obstacle and (d.groups or d.extra)]
    by_hand = [(vm, places.by_hand(vm, host)) for vm in vms if vm.pin.strategy == "manual"]
    return problem_of(host, wanted, claims(vms), by_hand)


def _plans(
    vms: Sequence[Vm], host: Host, problem: Problem, solution: Solution
) -> dict[str, VmPlan]:
    """Return the plan of every VM that has one, by name in ascending order."""
    seats = assign(host, problem, solution.placements)
    placements = {
        d.vm.name: (d, p)
        for d, p in zip(problem.demands, solution.placements, strict=True)
        if p is not None
    }
    elsewhere = {u.vm for u, fits in book_unbound(solution.final) if not fits}
    plans: dict[str, VmPlan] = {}
    for vm in vms:
        if vm.pin.strategy == "none":
            plans[vm.name] = places.unpinned(vm)
        elif vm.pin.strategy == "manual":
            extra = seats[vm.name].extra if vm.name in seats else ()
            if vm.name in seats or not demand_of(vm, host).extra:
                plans[vm.name] = places.by_hand(vm, host, extra)
        elif vm.name in placements:
            demand, placement = placements[vm.name]
            threads = demand.variants[placement.variant].threads
            plans[vm.name] = places.placed(vm, host, seats[vm.name], placement, threads)
    return {
        name: replace(plan, memory_mode="preferred")
        if name in elsewhere and plan.memory_mode == "strict"
        else plan
        for name, plan in plans.items()
    }


def _verify(host: Host, vms: Sequence[Vm], plans: dict[str, VmPlan]) -> None:
    """Check the plan independently of how it was made."""
    found = breaches(
        host, [(vm, plans[vm.name]) for vm in vms if vm.name in plans and vm.pin.strategy != "none"]
    )
    if found:
        raise UnsoundPlanError("; ".join(found))
