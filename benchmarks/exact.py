"""The independent judge: the most vCPUs that fit, and then the fewest shared cores, by CP-SAT.

Written from docs/planner.md over counts of cores, for what the fleets here ask: `require`,
`isolate` and `prefer` VMs with strict cells or `numa: require`, equal cores, `core_sharing: allow`.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kvmc.cpuset import CpuSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.fleets import Fleet
    from kvmc.host.model import Host
    from kvmc.spec.model import Vm

WORKERS = 2


class Optimum(Struct, frozen=True, kw_only=True):
    """What CP-SAT found; `proven` says that there is nothing better."""

    placed: int
    """vCPUs."""
    placed_proven: bool
    shared: int
    """Tenants less cores in use, over the cores of `prefer` VMs."""
    shared_proven: bool


class _Node(Struct, frozen=True):
    """The sums of one host node, as linear expressions."""

    whole: list[Any]
    singles: list[Any]
    memory: list[Any]


def installed() -> str:
    """Return the version of OR-Tools; "" where there is none."""
    try:
        return version("ortools")
    except PackageNotFoundError:
        return ""


def optimum(fleet: Fleet, seconds: float) -> Optimum | None:
    """Return the optimum, each of its two halves after at most so many seconds; None: no answer."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    placed = {vm.name: model.new_bool_var(vm.name) for vm in fleet.vms}
    shared = _rules(model, fleet, placed)
    goal = sum(vm.cpu.max * placed[vm.name] for vm in fleet.vms)
    model.maximize(goal)
    first, most_proven = _solved(cp_model, model, seconds)
    if first is None:
        return None
    most = round(first.objective_value)
    least, least_proven = first.value(shared), False
    for variable in range(len(model.proto.variables)):
        one = model.get_int_var_from_proto_index(variable)
        model.add_hint(one, first.value(one))
    model.add(goal >= most)
    model.minimize(shared)
    second, proven = _solved(cp_model, model, seconds)
    if second is not None:
        least, least_proven = round(second.objective_value), proven
    return Optimum(placed=most, placed_proven=most_proven, shared=least, shared_proven=least_proven)


def _solved(cp_model: Any, model: Any, seconds: float) -> tuple[Any, bool]:  # noqa: ANN401
    """Return the solver, None where it found nothing, and whether nothing is better."""
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = WORKERS
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None, False
    return solver, status == cp_model.OPTIMAL


def _rules(model: Any, fleet: Fleet, placed: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Add the rules; return the number of shared cores as an expression."""
    host = fleet.host
    width = max(len(core.cpus) for core in host.cores)
    nodes = {node.id: _Node([], [], []) for node in host.nodes}
    for vm in fleet.vms:
        _seat(model, vm, placed[vm.name], nodes, width)
    shared = []
    for node in host.nodes:
        sums = nodes[node.id]
        cores = sum(core.node == node.id for core in host.cores)
        crowded = model.new_int_var(0, cores, f"crowded {node.id}")
        model.add(sum(sums.whole) + crowded <= cores)
        model.add(sum(sums.singles) <= width * crowded)
        # A core with nobody on it would count as less than nothing.
        model.add(crowded <= sum(sums.singles))
        if node.memory_kib is not None:
            model.add(sum(sums.memory) <= node.memory_kib)
        shared.append(sum(sums.singles) - crowded)
    return sum(shared)


def _seat(
    model: Any,  # noqa: ANN401
    vm: Vm,
    placed: Any,  # noqa: ANN401
    nodes: Mapping[int, _Node],
    width: int,
) -> None:
    """Put each cell of a VM on one node, different cells on different nodes."""
    runs = [(c.cpus, c.memory_kib) for c in vm.numa.cells]
    runs = runs or [(CpuSet(range(vm.cpu.max)), vm.memory_kib)]
    aligned = all(len(cpus) % width == 0 and cpus.first % width == 0 for cpus, _ in runs)
    on_node: dict[int, list[Any]] = {node: [] for node in nodes}
    for number, (cpus, memory) in enumerate(runs):
        here = {n: model.new_bool_var(f"{vm.name}.{number}@{n}") for n in nodes}
        model.add(sum(here.values()) == placed)
        for n, chosen in here.items():
            on_node[n].append(chosen)
            nodes[n].memory.append(memory * chosen)
            _take(model, nodes[n], vm, len(cpus), chosen, width if aligned else 0)
    for several in on_node.values():
        model.add(sum(several) <= 1)


def _take(  # noqa: PLR0913
    model: Any,  # noqa: ANN401
    node: _Node,
    vm: Vm,
    vcpus: int,
    chosen: Any,  # noqa: ANN401
    width: int,
) -> None:
    """Take cores of a node for a cell; `width` 0: its guest cores cannot be whole host cores."""
    if vm.pin.threads == "isolate":
        node.whole.append(vcpus * chosen)
    elif vm.pin.threads == "require":
        node.whole.append(vcpus // width * chosen)
    elif not width:
        node.singles.append(vcpus * chosen)
    else:
        whole = model.new_int_var(0, vcpus // width, "")
        model.add(width * whole <= vcpus * chosen)
        node.whole.append(whole)
        node.singles.append(vcpus * chosen - width * whole)


def simple(host: Host) -> bool:
    """Whether the model above holds for a host: equal cores that VMs may share."""
    return host.policy.core_sharing == "allow" and len({len(c.cpus) for c in host.cores}) == 1
