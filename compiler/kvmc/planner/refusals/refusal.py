"""VMs that found no place: the reason, whether it is proven, and what would make them fit."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kvmc.diagnostics import Diagnostic, error
from kvmc.planner.candidates import candidates, widest_core
from kvmc.planner.demand import demand_of
from kvmc.planner.model import Unplaced
from kvmc.planner.refusals.capacity import Situation, reason
from kvmc.planner.refusals.counting import Beside, left_for, may_fit, most_vcpus
from kvmc.planner.refusals.remedies import remedies
from kvmc.planner.search.search import search
from kvmc.planner.search.setup import problem_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmc.host.model import Host
    from kvmc.planner.claims import Claim
    from kvmc.planner.demand import Demand
    from kvmc.planner.problem import Solution
    from kvmc.spec.model import Vm

_TRIAL_BUDGET = 2_000


def refuse(
    host: Host,
    missing: Sequence[Vm],
    held: Sequence[Claim],
    solution: Solution,
    movers: Sequence[str] = (),
) -> list[tuple[Unplaced, Diagnostic]]:
    """Return the record and the error of every VM that is not in the plan.

    `held` is what everyone else has, and what the missing VMs name by number; `movers` are the
    fewest locked VMs that would have to move to make room.
    """
    now = Situation(
        host=host,
        state=solution.final,
        holders={claim.name: claim.dedicated | claim.floating for claim in held},
    )
    beside = Beside(host=host, claims=tuple(held), state=solution.final)
    found = []
    for vm in missing:
        demand = demand_of(vm, host)
        proven = solution.complete or bool(demand.obstacle) or vm.name in solution.alone
        text = reason(demand, now)
        fixes = [f"{' and '.join(movers)} moved"] if movers else []
        fixes += _fixes(demand, beside)
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


def _fixes(demand: Demand, beside: Beside) -> Iterator[str]:
    """Yield single changes of the spec or the host with which the VM fits beside the others."""
    vm, unclaimed = demand.vm, beside.unclaimed
    # An emulator with a CPU of its own is all that another policy or host can do without.
    enough = demand.threads_needed - (vm.pin.emulator == "isolate") <= unclaimed
    for words, changed in _changes(vm) if enough else ():
        if _fits(changed, beside):
            yield words
    smaller = _largest_count(vm, beside) if unclaimed or not demand.threads_needed else None
    if smaller:
        yield _fewer(vm, smaller)
    for kind in remedies(demand, beside) if enough else ():
        yield from islice((words for words, other in kind if _fits(vm, other)), 1)


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


def _largest_count(vm: Vm, beside: Beside) -> int | None:
    """Return the most vCPUs with which a VM without cells or topology would fit.

    Counting says how many there could be at the most. Whoever fits with some fits with less, so
    where the search does not find room for as many the answer is looked for by halves.
    """
    if vm.numa.cells or vm.cpu.topology or vm.pin.strategy not in ("dedicated", "shared"):
        return None
    host = beside.host
    cores = vm.pin.strategy == "dedicated" and vm.pin.threads == "require"
    step = widest_core(host, candidates(host, vm.pin)) if cores else 1
    demand = demand_of(_with(vm, max(step, 1)), host)
    if demand.obstacle:
        return None
    most = most_vcpus(demand, left_for(demand, beside))
    low, high = 0, min(most, vm.cpu.max - 1) // step
    count = high
    while low < high:
        if _fits(_with(vm, count * step), beside):
            low = count
        else:
            high = count - 1
        count = (low + high + 1) // 2
    return low * step or None


def _fewer(vm: Vm, most: int) -> str:
    """Return the change of the spec that asks for so few vCPUs."""
    if vm.cpu.count == vm.cpu.max:
        return f"`cpu.count: {most}` instead of {vm.cpu.count}"
    if most < vm.cpu.count:
        return f"`cpu: {{count: {most}, max: {most}}}` instead of {vm.cpu.count} and {vm.cpu.max}"
    return f"`cpu.max: {most}` instead of {vm.cpu.max}"


def _with(vm: Vm, count: int) -> Vm:
    return replace(vm, cpu=replace(vm.cpu, max=count, count=min(vm.cpu.count, count)))


def _fits(vm: Vm, beside: Beside) -> bool:
    """Whether the VM would fit with everyone else where they are."""
    demand = demand_of(vm, beside.host)
    if demand.obstacle or not may_fit(demand, left_for(demand, beside)):
        return False
    problem = problem_of(beside.host, (demand,), beside.claims, (), _TRIAL_BUDGET)
    left = beside.state
    start = replace(
        problem.start,
        memory=left.memory,
        pages=left.pages,
        pool=left.pool,
        floats=left.floats,
        all_floats=left.all_floats,
    )
    return search(replace(problem, start=start)).placements[0] is not None
