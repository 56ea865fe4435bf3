"""VMs that found no place: the reason, whether it is proven, and what would make them fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmc.diagnostics import Diagnostic, error
from kvmc.planner.candidates import candidates
from kvmc.planner.capacity import Situation, reason
from kvmc.planner.demand import demand_of
from kvmc.planner.held import hold
from kvmc.planner.model import Unplaced
from kvmc.planner.search import search
from kvmc.planner.setup import problem_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.claims import Claim
    from kvmc.planner.held import Held
    from kvmc.planner.model import VmPlan
    from kvmc.planner.problem import Solution
    from kvmc.spec.model import Vm

Placed = tuple["Vm", "VmPlan"]

_TRIAL_BUDGET = 2_000


def refuse(  # noqa: PLR0913 (all that a refusal is explained with)
    host: Host,
    missing: Sequence[Vm],
    placed: Sequence[Placed],
    absent: Sequence[Held],
    solution: Solution,
    movers: Sequence[str] = (),
) -> list[tuple[Unplaced, Diagnostic]]:
    """Return the record and the error of every VM that is not in the plan.

    `movers` are the fewest locked VMs that would have to move to make room.
    """
    if not missing:
        return []
    held = [hold(vm, plan).claim() for vm, plan in placed if vm.pin.strategy != "none"]
    held += [line.claim() for line in absent]
    now = Situation(
        host=host,
        state=solution.final,
        holders={claim.name: claim.dedicated | claim.floating for claim in held},
    )
    found = []
    for vm in missing:
        demand = demand_of(vm, host)
        proven = solution.complete or bool(demand.obstacle)
        text = reason(demand, now)
        fixes = [f"{' and '.join(movers)} moved"] if movers else []
        fixes += _fixes(vm, host, held, solution)
        found.append(
            (
                Unplaced(name=vm.name, reason=text, proven=proven),
                _diagnostic(vm, host, text, fixes, proven=proven),
            )
        )
    return found


def _diagnostic(vm: Vm, host: Host, text: str, fixes: Sequence[str], *, proven: bool) -> Diagnostic:
    place = vm.place.at("cpu", "count")
    hint = f"it would fit with {' or with '.join(fixes)}" if fixes else None
    if proven:
        return error("KV501", f"{vm.name} does not fit on {host.name}: {text}", place, hint=hint)
    return error(
        "KV502",
        f"no place for {vm.name} on {host.name} was found, and none was ruled "
        f"out: the search hit its bound; {text}",
        place,
        hint=hint,
    )


def _fixes(vm: Vm, host: Host, held: Sequence[Claim], solution: Solution) -> Iterator[str]:
    """Yield single changes of the spec with which the VM fits beside the others."""
    for words, changed in _changes(vm):
        if _fits(changed, host, held, solution):
            yield words
    smaller = _largest_count(vm, host, held, solution)
    if smaller:
        yield f"`cpu.max: {smaller}` instead of {vm.cpu.max}"


def _changes(vm: Vm) -> Iterator[tuple[str, Vm]]:
    pin = vm.pin
    if pin.threads != "prefer":
        yield "`threads: prefer`", replace(vm, pin=replace(pin, threads="prefer"))
    if pin.numa == "require":
        yield "`numa: prefer`", replace(vm, pin=replace(pin, numa="prefer"))
    if pin.l3 == "require":
        yield "`l3: prefer`", replace(vm, pin=replace(pin, l3="prefer"))
    if pin.kind is not None:
        yield "`kind: any`", replace(vm, pin=replace(pin, kind=None))
    if pin.cpus is not None:
        yield "no `pin.cpus`", replace(vm, pin=replace(pin, cpus=None))
    if pin.emulator == "isolate":
        yield "`emulator: own`", replace(vm, pin=replace(pin, emulator="own"))
    if vm.numa.cells and vm.numa.mode == "strict":
        yield "`numa.mode: preferred`", replace(vm, numa=replace(vm.numa, mode="preferred"))


def _largest_count(vm: Vm, host: Host, held: Sequence[Claim], solution: Solution) -> int | None:
    """Return the most vCPUs with which a VM without cells or topology would fit."""
    if vm.numa.cells or vm.cpu.topology or vm.pin.strategy not in ("dedicated", "shared"):
        return None
    shared = vm.pin.strategy == "shared"
    room = solution.final.all_floats if shared else len(candidates(host, vm.pin))
    for count in range(min(vm.cpu.max - 1, room), 0, -1):
        cpu = replace(vm.cpu, max=count, count=min(vm.cpu.count, count))
        smaller = replace(vm, cpu=cpu)
        needed = demand_of(smaller, host)
        if needed.threads_needed <= len(needed.cpus) and _fits(smaller, host, held, solution):
            return count
    return None


def _fits(vm: Vm, host: Host, held: Sequence[Claim], solution: Solution) -> bool:
    """Whether the VM would fit with everyone else where they are."""
    demand = demand_of(vm, host)
    if demand.obstacle:
        return False
    problem = problem_of(host, (demand,), held, (), _TRIAL_BUDGET)
    left = solution.final
    start = replace(
        problem.start,
        memory=left.memory,
        pages=left.pages,
        pool=left.pool,
        floats=left.floats,
        all_floats=left.all_floats,
    )
    return search(replace(problem, start=start)).placements[0] is not None
