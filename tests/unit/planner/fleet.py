"""VMs in few words, and what became of them: the public face of the planner only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmc.cpuset import CpuSet, union
from kvmc.diagnostics import Place
from kvmc.planner.plan import plan_host
from kvmc.spec.model import Cell, Cpu, Numa, Pin, Topology, Vm
from tests.property.hosts import GIB

if TYPE_CHECKING:
    from kvmc.diagnostics import Outcome
    from kvmc.host.model import Host
    from kvmc.planner.model import HostPlan, VmPlan


def cpus(text: str) -> CpuSet:
    return CpuSet.parse(text)


def machine(name: str, count: int, *, boot: int | None = None, **given: Any) -> Vm:
    """Return a VM; what is no field of a Vm goes to its pin, and the rest is dedicated."""
    own = {key: given.pop(key) for key, value in tuple(given.items()) if _of_vm(key, value)}
    topology = given.pop("topology", None)
    pin = Pin(**{"strategy": "dedicated", **given})
    return Vm(
        **{
            "name": name,
            "memory_kib": 1024,
            "cpu": Cpu(count=boot or count, max=count, topology=topology),
            "pin": pin,
            "place": Place(file=f"vms/{name}.yaml"),
            **own,
        }
    )


def _of_vm(key: str, value: object) -> bool:
    """`numa` and `iothreads` are fields of both: words and CPUs are the pin's."""
    words = key in Pin.__struct_fields__ and isinstance(value, (str, CpuSet))
    return key in Vm.__struct_fields__ and not words


def by_hand(name: str, *pins: str, **given: Any) -> Vm:
    """Return a manual VM whose vCPUs 0, 1, ... are on those host CPUs."""
    pairs = tuple((vcpu, cpus(text)) for vcpu, text in enumerate(pins))
    return machine(name, len(pins), strategy="manual", map=pairs, **given)


def numa(*runs: str, mode: Any = "strict", memory_kib: int = GIB) -> dict[str, Any]:
    """Return the fields of a VM with one cell a run of vCPUs."""
    cells = tuple(Cell(id=i, cpus=cpus(run), memory_kib=memory_kib) for i, run in enumerate(runs))
    return {"numa": Numa(mode=mode, cells=cells), "memory_kib": memory_kib * len(cells)}


def shape(**given: int) -> Topology:
    return Topology(**given)


def planned(host: Host | None, *vms: Vm) -> tuple[HostPlan, Outcome[HostPlan]]:
    """Return the plan, and the outcome it came in."""
    outcome = plan_host(vms, host)
    assert outcome.value is not None
    return outcome.value, outcome


def only(host: Host | None, *vms: Vm) -> VmPlan:
    """Return the plan of the last VM by argument; all of them must have found a place."""
    plan, outcome = planned(host, *vms)
    assert not plan.unplaced, [d.message for d in outcome.diagnostics]
    return next(p for p in plan.vms if p.name == vms[-1].name)


def used(plan: VmPlan) -> CpuSet:
    """Return the CPUs that a VM's vCPUs have for themselves."""
    return union(pin.cpus for pin in plan.vcpus if pin.dedicated and pin.cpus)


def pins(plan: VmPlan) -> list[str]:
    """Return the pins in the order of the vCPUs."""
    return [str(pin.cpus) for pin in plan.vcpus]


def codes(outcome: Outcome[HostPlan]) -> list[str]:
    return sorted(d.code for d in outcome.diagnostics)


def said(outcome: Outcome[HostPlan], code: str) -> str:
    """Return the one message with this code."""
    (message,) = [d.message for d in outcome.diagnostics if d.code == code]
    return message


def refused(host: Host, *vms: Vm) -> dict[str, str]:
    """Return VM -> reason for those without a place, each with a KV501 or KV51x of its own."""
    plan, outcome = planned(host, *vms)
    errors = {d.place.file for d in outcome.diagnostics if d.is_error and d.place}
    assert errors == {f"vms/{u.name}.yaml" for u in plan.unplaced}
    return {u.name: u.reason for u in plan.unplaced}
