"""One fleet, once: what kvmc, Nova and CP-SAT each make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from tests.property.judge import seatings
from tests.property.price import siblings_shared

from benchmarks import exact
from benchmarks.timing import TooSlowError, cpu_seconds, limit
from kvmc.planner.plan import plan_host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.exact import Optimum
    from benchmarks.fleets import Fleet
    from benchmarks.openstack import Nova
    from kvmc.host.model import Host
    from kvmc.planner.held import Held
    from kvmc.planner.model import HostPlan
    from kvmc.spec.model import Vm

PATIENCE = 10.0
"""CPU seconds that one plan may take before it counts as not made."""


class Result(Struct, frozen=True, kw_only=True):
    """What one planner made of one fleet."""

    placed: int
    """vCPUs."""
    shared: int
    """Tenants less cores in use; only meaningful between plans that place the same."""
    seconds: float
    """CPU seconds for a VM: of the whole plan, or of all fits, over the VMs."""
    booking: float = 0.0
    """The CPU seconds for a VM that Nova takes on top to book what it found."""
    late: bool = False
    crash: str = ""
    """The exception where kvmc failed."""
    broken: int = 0
    """VMs that Nova says fit, with pins that cannot be booked."""


class Trial(Struct, frozen=True, kw_only=True):
    """One fleet and everybody's answer; None: not asked."""

    fleet: Fleet
    kvmc: Result
    spread: Result | None = None
    pack: Result | None = None
    best: Optimum | None = None


def planned(vms: Sequence[Vm], host: Host, held: Sequence[Held] = ()) -> HostPlan:
    """Return the plan of a host; there is always one."""
    plan = plan_host(vms, host, held).value
    if plan is None:
        raise AssertionError("plan_host returned no plan")
    return plan


def by_kvmc(fleet: Fleet) -> Result:
    """Plan a fleet at once, as `kvmc plan` does: search, verification and notices included."""
    try:
        with limit(PATIENCE):
            took, plan = cpu_seconds(lambda: planned(fleet.vms, fleet.host))
    except TooSlowError:
        return Result(placed=0, shared=0, seconds=PATIENCE / len(fleet.vms), late=True)
    except Exception as problem:  # noqa: BLE001 - a planner that fails is a finding, not the end
        return Result(placed=0, shared=0, seconds=float("nan"), crash=repr(problem))
    placed = {vm.name for vm in plan.vms}
    return Result(
        placed=sum(vm.cpu.max for vm in fleet.vms if vm.name in placed),
        shared=siblings_shared(seatings(plan, fleet.vms), fleet.host),
        seconds=took / len(fleet.vms),
    )


def by_nova(nova: Nova, fleet: Fleet, *, pack: bool) -> Result:
    """Let Nova place a fleet, one VM after the other."""
    answer = nova.ask(fleet, pack=pack)
    placed = {seating.vm.name for seating in answer.seatings}
    tried = max(len(answer.fits), 1)
    return Result(
        placed=sum(vm.cpu.max for vm in fleet.vms if vm.name in placed),
        shared=siblings_shared(answer.seatings, fleet.host),
        seconds=sum(answer.fits) / tried,
        booking=answer.claims / tried,
        late=answer.late,
        broken=len(answer.broken),
    )


def trial(fleet: Fleet, nova: Nova | None, solve: float) -> Trial:
    """Ask everybody; CP-SAT only where `solve` seconds are given and it is installed."""
    judged = solve and exact.installed() and exact.simple(fleet.host)
    return Trial(
        fleet=fleet,
        kvmc=by_kvmc(fleet),
        spread=by_nova(nova, fleet, pack=False) if nova else None,
        pack=by_nova(nova, fleet, pack=True) if nova else None,
        best=exact.optimum(fleet, solve) if judged else None,
    )
