"""Plans all VMs of one host: joins demand, search, assignment, verification and explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.diagnostics import Outcome, error
from kvmc.planner import places
from kvmc.planner.booking import bookings_of
from kvmc.planner.claims import claim_of, names_cpus
from kvmc.planner.demand import demands_of, isolated_threads
from kvmc.planner.guest import threads_shown
from kvmc.planner.held import demand_fingerprint, hold
from kvmc.planner.locking.settled import settled
from kvmc.planner.locking.staying import unchanged, with_renewed
from kvmc.planner.manual import check_memory, check_numbers, check_share
from kvmc.planner.memory import book_unbound
from kvmc.planner.model import HostPlan, Unplaced, VmPlan
from kvmc.planner.notices import notices
from kvmc.planner.search.assign import assign
from kvmc.planner.search.search import search
from kvmc.planner.search.setup import problem_of
from kvmc.planner.search.tucked import tucked
from kvmc.planner.verify import breaches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kvmc.diagnostics import Diagnostic
    from kvmc.host.model import Host
    from kvmc.planner.claims import Claim
    from kvmc.planner.demand import Demand
    from kvmc.planner.held import Held
    from kvmc.planner.problem import Problem, Solution
    from kvmc.spec.model import Vm


class UnsoundPlanError(AssertionError):
    """The independent checker found a breach in a finished plan: a bug in the planner."""


def plan_host(
    vms: Sequence[Vm],
    host: Host | None,
    held: Sequence[Held] = (),
    former: Sequence[Held] = (),
) -> Outcome[HostPlan]:
    """Place all VMs of a host together; the order of `vms` does not matter.

    `held` is what the lock holds: VMs whose demand has not changed stay where they are, the others
    where their CPUs still do, and lines of VMs that are not in `vms` keep others away. `former` is
    what it held of VMs that are free to move: of places as good they get their own. The value is
    always there and holds every VM that got a place; for each of the others there is an `Unplaced`
    and an error. `host` None is for VMs that need none. Raises UnsoundPlanError where the plan
    fails its own verification.
    """
    ordered = sorted(vms, key=lambda vm: vm.name)
    if host is None:
        return _hostless(ordered)
    same = unchanged(ordered, held)
    lines = with_renewed(ordered, host, held, same)
    fleet = _fleet(ordered, host, lines, same)
    plans, solution = _attempt(fleet)
    if len(plans) < len(fleet.sound) and lines != list(held):
        # A VM that has changed and could stay may be in the way: it is the one that may move.
        fleet = _fleet(ordered, host, held, same)
        plans, solution = _attempt(fleet)
    if former:
        plans = settled(plans, {vm.name: vm for vm in ordered}, former)
    placed = [(vm, plans[vm.name]) for vm in ordered if vm.name in plans]
    _verify(host, placed)
    missing = [vm for vm in fleet.sound if vm.name not in plans]
    refused: list[tuple[Unplaced, Diagnostic]] = []
    if missing:
        from kvmc.planner.refusals.refusal import refuse  # most fleets fit, and need none of it

        movers = _movers(ordered, fleet, held, missing)
        refused = refuse(host, missing, _claims(fleet, placed, missing), solution, movers)
    unplaced = [u for u, _ in refused]
    unplaced += [
        Unplaced(name=name, reason=found[0].message, proven=True)
        for name, found in fleet.wrong.items()
    ]
    said = notices(host, placed, solution.final)
    return Outcome(
        HostPlan(
            host=host,
            vms=tuple(plans[name] for name in sorted(plans)),
            unplaced=tuple(sorted(unplaced, key=lambda u: u.name)),
            others=tuple((line.name, line.own) for line in fleet.absent),
        ),
        (*fleet.said, *(d for _, d in refused), *said),
    )


def _attempt(fleet: _Fleet) -> tuple[dict[str, VmPlan], Solution]:
    """Search; return the plans by VM name, and what is left of the host."""
    problem = _problem(fleet)
    solution = search(problem)
    if None in solution.placements and not solution.complete:
        lean = _problem(fleet, tucked)
        again = search(lean) if lean.demands != problem.demands else solution
        if again.cost.left_out < solution.cost.left_out:
            problem, solution = lean, replace(again, complete=None not in again.placements)
    return _plans(fleet, problem, solution), solution


def _claims(
    fleet: _Fleet, placed: Sequence[tuple[Vm, VmPlan]], missing: Sequence[Vm]
) -> list[Claim]:
    """Return what everyone holds; the numbers of a VM without a place hold all the same."""
    pinned = [(vm, plan) for vm, plan in placed if vm.pin.strategy != "none"]
    fresh = [hold(vm, plan).claim() for vm, plan in pinned if vm.name not in fleet.kept]
    return [*fleet.claims.values(), *fresh, *(claim_of(vm) for vm in missing if names_cpus(vm))]


def _movers(
    vms: Sequence[Vm], fleet: _Fleet, held: Sequence[Held], missing: Sequence[Vm]
) -> tuple[str, ...]:
    """Return the fewest kept VMs that, if they may move, make room for all; () if none found."""
    from kvmc.planner.refusals.counting import too_many
    from kvmc.planner.refusals.moves import fewest_moves

    if not fleet.kept or too_many(fleet.sound, fleet.host):
        return ()
    everyone = _problem(replace(fleet, kept={}))
    if not {vm.name for vm in missing} <= {d.vm.name for d in everyone.demands}:
        return ()

    def fits(movers: frozenset[str]) -> bool:
        stay = {name: line for name, line in fleet.kept.items() if name not in movers}
        return None not in search(_problem(replace(fleet, kept=stay))).placements

    movers = fewest_moves(fleet.host, everyone, fleet.kept, fits)
    if movers and fleet.wrong:
        # Numbers that contradict those of a VM that moves are wrong no more.
        freed = _fleet(vms, fleet.host, [line for line in held if line.name not in movers])
        return movers if len(_attempt(freed)[0]) == len(freed.sound) else ()
    return movers


class _Fleet(Struct, frozen=True, kw_only=True):
    """The VMs of a host by what is to be done with them."""

    host: Host
    sound: tuple[Vm, ...]
    """All but those whose numbers cannot be used."""
    kept: dict[str, Held]
    """Sound VMs that stay where the lock holds them."""
    absent: tuple[Held, ...]
    """What the lock holds for VMs that are not here."""
    claims: dict[str, Claim]
    """What all of these keep from others."""
    wrong: dict[str, list[Diagnostic]]
    said: tuple[Diagnostic, ...]

    @property
    def seeking(self) -> tuple[Vm, ...]:
        """The sound VMs that are not kept."""
        kept = self.kept
        return tuple([vm for vm in self.sound if vm.name not in kept]) if kept else self.sound


def _fleet(
    vms: Sequence[Vm], host: Host, held: Sequence[Held], same: frozenset[str] = frozenset()
) -> _Fleet:
    """Sort the VMs of a host; those of `same` are known to ask for what the lock holds."""
    lines = {line.name: line for line in held}
    kept = {
        vm.name: lines[vm.name]
        for vm in vms
        if vm.name in lines
        and vm.pin.strategy != "manual"
        and (vm.name in same or lines[vm.name].demand == demand_fingerprint(vm))
    }
    names = {vm.name for vm in vms}
    absent = tuple(line for line in held if line.name not in names)
    claims = {line.name: line.claim() for line in (*kept.values(), *absent)}
    found = check_numbers([vm for vm in vms if vm.name not in kept], [*claims.values()], host)
    for more in (check_share(vms, host), check_memory(vms, host)):
        for name, problems in more.items():
            found[name] = [*found.get(name, ()), *problems]
    wrong = {name: said for name, said in found.items() if any(d.is_error for d in said)}
    return _Fleet(
        host=host,
        sound=tuple(vm for vm in vms if vm.name not in wrong),
        kept=kept,
        absent=absent,
        claims=claims,
        wrong=wrong,
        said=tuple(d for said in found.values() for d in said),
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


def _problem(
    fleet: _Fleet, change: Callable[[Sequence[Demand], Host], Sequence[Demand]] | None = None
) -> Problem:
    """Return the search's input; VMs that cannot be placed for a reason of their own stay out."""
    host = fleet.host
    seeking = fleet.seeking
    demands = demands_of([vm for vm in seeking if vm.pin.strategy != "none"], host)
    wanted = [d for d in demands if not d.obstacle and (d.groups or d.extra)]
    wanted = wanted if change is None else list(change(wanted, host))
    fixed = (*fleet.kept.values(), *fleet.absent)
    claims = [claim_of(vm) for vm in seeking if names_cpus(vm)]
    claims += [fleet.claims[line.name] for line in fixed]
    bookings = [b for line in fixed for b in line.bookings]
    for vm in seeking:
        if vm.pin.strategy == "manual":
            bookings += bookings_of(vm, places.by_hand(vm, host))
    return problem_of(host, wanted, claims, bookings)


def _plans(fleet: _Fleet, problem: Problem, solution: Solution) -> dict[str, VmPlan]:
    """Return the plan of every VM that has one, by name."""
    host = fleet.host
    seats = assign(host, problem, solution)
    placements = {
        d.vm.name: (d, p)
        for d, p in zip(problem.demands, solution.placements, strict=True)
        if p is not None
    }
    plans: dict[str, VmPlan] = {}
    for vm in fleet.sound:
        if vm.name in fleet.kept:
            plans[vm.name] = places.kept(vm, host, fleet.kept[vm.name])
        elif vm.pin.strategy == "none":
            plans[vm.name] = places.unpinned(vm)
        elif vm.pin.strategy == "manual":
            extra = seats[vm.name].extra if vm.name in seats else ()
            if vm.name in seats or not isolated_threads(vm):
                plans[vm.name] = places.by_hand(vm, host, extra)
        elif vm.name in placements:
            demand, placement = placements[vm.name]
            own = seats[vm.name].vcpus
            threads = threads_shown(vm, host, own, demand.variants[placement.variant].threads)
            cells = [group.cell for group in demand.groups]
            nodes = dict(zip(cells, [one.node for one in placement.groups], strict=True))
            plans[vm.name] = places.placed(vm, host, seats[vm.name], nodes, threads)
    for name in {u.vm for u, fits in book_unbound(solution.final) if not fits} & plans.keys():
        if plans[name].memory_mode == "strict":
            plans[name] = replace(plans[name], memory_mode="preferred")
    return plans


def _verify(host: Host, placed: Sequence[tuple[Vm, VmPlan]]) -> None:
    """Check the plan independently of how it was made."""
    found = breaches(host, placed)
    if found:
        raise UnsoundPlanError("; ".join(found))
