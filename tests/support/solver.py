"""An independent judge: the rules and the first three preferences as integers for CP-SAT.

Written from docs/planner.md for hosts of two threads a core and dedicated VMs; it knows counts of
cores in caches, and nothing of the planner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Host
    from kvmc.spec.model import Vm


class Group(Struct, frozen=True):
    """A guest cell, or a VM without cells."""

    vm: int
    vcpus: int
    memory_kib: int
    bound: bool


class Model(Struct):
    """The variables of one instance."""

    solver: Any
    cp: Any
    caches: list[tuple[int, int]]
    """(node, l3)."""
    whole: list[int]
    half: list[int]
    """Cores of each cache with two free threads, and with one."""
    out: list[Any] = []
    pairs: list[list[Any]] = []
    """Group by cache: cores with two of its vCPUs."""
    alone: list[list[Any]] = []
    """Whole cores that it opens with one vCPU."""
    halves: list[list[Any]] = []
    """Half cores."""
    joins: list[list[Any]] = []
    """vCPUs on cores that someone opened with one vCPU."""


def optimum(vms: Sequence[Vm], host: Host, seconds: float = 20.0) -> tuple[int, int] | None:
    """Return (vCPUs left out, siblings shared) of the best plan; None where time ran out."""
    from ortools.sat.python import cp_model

    model = _model(vms, host, cp_model)
    left = sum(vm.cpu.max * out for vm, out in zip(vms, model.out, strict=True))
    found = in_order(model.cp, [left, _shared(vms, model)], seconds)
    return (found[0], found[1]) if len(found) == 2 else None


def late_optimum(vms: Sequence[Vm], host: Host, seconds: float = 20.0) -> tuple[int, ...] | None:
    """Return vCPUs left out, siblings shared, guest cores split, nodes and caches of the best plan.

    Preference 6 is left out: memory is taken to be plenty. None where time ran out.
    """
    from ortools.sat.python import cp_model

    model = _model(vms, host, cp_model)
    left = sum(vm.cpu.max * out for vm, out in zip(vms, model.out, strict=True))
    goals = [left, _shared(vms, model), _split(vms, model), *_spans(model)]
    found = in_order(model.cp, goals, seconds)
    return found if len(found) == len(goals) else None


def in_order(cp: Any, goals: Sequence[Any], seconds: float) -> tuple[int, ...]:
    """Return the least of each goal where those before it are at theirs.

    Each may take so many seconds; the answer ends with the last one that was proven in time.
    """
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 1
    # Packing is counting: with all constraints in its linear relaxation CP-SAT proves far more.
    solver.parameters.linearization_level = 2
    answers: list[int] = []
    for goal in goals:
        cp.minimize(goal)
        status = solver.solve(cp)
        assert status in (cp_model.OPTIMAL, cp_model.FEASIBLE, cp_model.UNKNOWN)
        if status != cp_model.OPTIMAL:
            break
        answers.append(round(solver.objective_value))
        cp.add(goal == answers[-1])
    return tuple(answers)


def _split(vms: Sequence[Vm], model: Model) -> Any:
    """A guest core is split where its two vCPUs are no pair, if the count allows pairs at all."""
    return sum(
        group.vcpus // 2 * (1 - model.out[group.vm]) - sum(model.pairs[g])
        for g, group in enumerate(_groups(vms))
        if vms[group.vm].pin.threads == "prefer" and vms[group.vm].cpu.max % 2 == 0
    )


def _spans(model: Model) -> tuple[Any, Any]:
    """Return the nodes that groups use, and the caches."""
    cp = model.cp
    nodes, caches = [], []
    for tables in zip(model.pairs, model.alone, model.halves, model.joins, strict=True):
        here = []
        for c in range(len(model.caches)):
            used = cp.new_bool_var("")
            for table in tables:
                cp.add(table[c] == 0).only_enforce_if(~used)
            here.append(used)
        caches += here
        for node in sorted({node for node, _ in model.caches}):
            mine = [used for used, (n, _) in zip(here, model.caches, strict=True) if n == node]
            nodes.append(cp.new_bool_var(""))
            cp.add_max_equality(nodes[-1], mine)
    return sum(nodes), sum(caches)


def _groups(vms: Sequence[Vm]) -> list[Group]:
    found = []
    for number, vm in enumerate(vms):
        if vm.numa.cells:
            found += [Group(number, len(c.cpus), c.memory_kib, bound=True) for c in vm.numa.cells]
        else:
            bound = vm.pin.numa == "require"
            found.append(Group(number, vm.cpu.max, vm.memory_kib, bound))
    return found


def _model(vms: Sequence[Vm], host: Host, cp_model: Any) -> Model:
    cp = cp_model.CpModel()
    reserved = set(host.policy.reserved)
    caches = sorted({(core.node or 0, core.l3 or 0) for core in host.cores})
    free = [
        [
            len(set(core.cpus) - reserved)
            for core in host.cores
            if (core.node or 0, core.l3 or 0) == cache
        ]
        for cache in caches
    ]
    model = Model(None, cp, caches, [one.count(2) for one in free], [one.count(1) for one in free])
    model.out = [cp.new_bool_var(f"out{n}") for n in range(len(vms))]
    groups = _groups(vms)
    for group in groups:
        _place(model, vms[group.vm], group, sharing=host.policy.core_sharing == "allow")
    _fit(model, vms, groups, sharing=host.policy.core_sharing == "allow")
    _bind(model, vms, groups, host)
    return model


def _place(model: Model, vm: Vm, group: Group, *, sharing: bool) -> None:
    """Every vCPU of a group that is in has a thread, of a kind that its policy allows."""
    cp, policy = model.cp, vm.pin.threads

    def row(most: int) -> list[Any]:
        return [cp.new_int_var(0, most, "") for _ in model.caches]

    pairs = row(group.vcpus // 2 if policy != "isolate" else 0)
    alone = row(group.vcpus if policy != "require" else 0)
    halves = row(group.vcpus if policy == "prefer" else 0)
    joins = row(group.vcpus if policy == "prefer" and sharing else 0)
    total = 2 * sum(pairs) + sum(alone) + sum(halves) + sum(joins)
    cp.add(total == group.vcpus * (1 - model.out[group.vm]))
    model.pairs.append(pairs)
    model.alone.append(alone)
    model.halves.append(halves)
    model.joins.append(joins)


def _fit(model: Model, vms: Sequence[Vm], groups: Sequence[Group], *, sharing: bool) -> None:
    everyone = range(len(groups))
    for c in range(len(model.caches)):
        used = sum(model.pairs[g][c] + model.alone[g][c] for g in everyone)
        model.cp.add(used <= model.whole[c])
        model.cp.add(sum(model.halves[g][c] for g in everyone) <= model.half[c])
        if sharing:
            open_cores = [
                model.alone[g][c] for g in everyone if vms[groups[g].vm].pin.threads == "prefer"
            ]
            model.cp.add(sum(model.joins[g][c] for g in everyone) <= sum(open_cores))


def _bind(model: Model, vms: Sequence[Vm], groups: Sequence[Group], host: Host) -> None:
    """Nodes for what is bound, a node of its own for each cell, caches for l3: require."""
    cp = model.cp
    homes = []
    for g, group in enumerate(groups):
        if group.bound:
            home = {node.id: cp.new_bool_var("") for node in host.nodes}
            cp.add(sum(home.values()) == 1 - model.out[group.vm])
            homes.append((group, home))
            _only(model, g, {c: home[node] for c, (node, _) in enumerate(model.caches)})
        if vms[group.vm].pin.l3 == "require":
            caches = [cp.new_bool_var("") for _ in model.caches]
            cp.add(sum(caches) <= 1)
            _only(model, g, dict(enumerate(caches)))
    for node in host.nodes:
        used = sum(group.memory_kib // 1024 * home[node.id] for group, home in homes)
        if node.memory_kib is not None:
            cp.add(used <= node.memory_kib // 1024)
        for number in range(len(vms)):
            cp.add(sum(home[node.id] for group, home in homes if group.vm == number) <= 1)


def _only(model: Model, g: int, allowed: dict[int, Any]) -> None:
    for c, flag in allowed.items():
        for table in (model.pairs, model.alone, model.halves, model.joins):
            model.cp.add(table[g][c] == 0).only_enforce_if(~flag)


def _shared(vms: Sequence[Vm], model: Model) -> Any:
    """A pair is two guest cores where the vCPUs fill no whole ones; whoever joins is one more."""
    groups = _groups(vms)
    return sum(
        sum(model.joins[g]) + (sum(model.pairs[g]) if vms[group.vm].cpu.max % 2 else 0)
        for g, group in enumerate(groups)
    )
