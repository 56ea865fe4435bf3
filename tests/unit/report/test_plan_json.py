"""The JSON of a plan: contract section 6, null where nothing is known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kvmc.cpuset import CpuSet
from kvmc.planner.model import CellPlan, HostPlan, IothreadPin, Plan, Unplaced, VcpuPin
from kvmc.report.plan import to_json
from tests.property.hosts import synthetic
from tests.unit.report.plans import iothread, plan, vm

if TYPE_CHECKING:
    from kvmc.planner.model import VmPlan

HOST = synthetic("node:1 l3:1 core:2 pu:2")


def _one(*vms: VmPlan, **changes: object) -> dict[str, Any]:
    made = plan(HOST, *vms, **changes)
    (host,) = to_json(Plan(hosts=(made,)), {("synthetic", "a"): "vms/a.yaml"})["hosts"]
    return dict(host)


def test_a_host_has_its_name_and_fingerprint() -> None:
    host = _one(vm("a", "0"))
    assert (host["name"], host["fingerprint"]) == ("synthetic", HOST.fingerprint)


def test_no_host_is_null() -> None:
    made = to_json(Plan(hosts=(HostPlan(host=None, vms=(vm("a", "0"),)),)), {(None, "a"): "a.yaml"})
    (host,) = made["hosts"]
    assert (host["name"], host["fingerprint"]) == (None, None)
    assert host["vms"][0]["file"] == "a.yaml"


def test_what_is_not_pinned_or_bound_is_null() -> None:
    cell = CellPlan(id=0, vcpus=CpuSet([0]), memory_kib=1, host_node=None)
    pin = VcpuPin(id=0, cpus=None, dedicated=False, boot=True, cell=None)
    (one,) = _one(
        vm("a", "", vcpus=(pin,), emulator=None, cells=(cell,), threads=None,
           iothreads=(IothreadPin(id=1, cpus=None),))
    )["vms"]  # fmt: skip
    assert one["vcpus"] == [{"id": 0, "cpus": None, "dedicated": False, "boot": True, "cell": None}]
    assert (one["emulator"], one["threads"]) == (None, None)
    assert one["iothreads"] == [{"id": 1, "cpus": None}]
    assert one["cells"][0]["host_node"] is None


def test_cpu_sets_are_strings_in_kernel_form() -> None:
    (one,) = _one(vm("a", "0-3", iothreads=(iothread(1, "1,2"),)))["vms"]
    assert one["emulator"] == "0-3"
    assert one["iothreads"] == [{"id": 1, "cpus": "1-2"}]


def test_who_has_no_place_has_a_reason() -> None:
    left = Unplaced(name="b", reason="r", proven=False)
    assert _one(unplaced=(left,))["unplaced"] == [{"name": "b", "reason": "r", "proven": False}]


def test_a_vm_that_moved_says_so() -> None:
    (one,) = _one(vm("a", "0", moved=True))["vms"]
    assert one["moved"] is True


def test_it_is_json() -> None:
    made = to_json(Plan(hosts=(plan(HOST, vm("a", "0-3")),)), {})
    assert json.loads(json.dumps(made)) == made
