from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmc.runtime.slots import Slot, declines, plan_change, read_slots

SLOT = Slot(vcpu=4, driver="x", props={}, device="vcpu4", free=False)


def _slots(boot: int, added: set[int], ceiling: int) -> tuple[Slot, ...]:
    def device(vcpu: int) -> str | None:
        return f"vcpu{vcpu}" if vcpu in added else None

    return tuple(
        Slot(vcpu=i, driver="x", props={}, device=device(i), free=i >= boot and i not in added)
        for i in range(ceiling)
    )


def test_slots_come_in_the_order_of_the_topology() -> None:
    props = [
        {"socket-id": s, "die-id": 0, "core-id": c, "thread-id": t, "node-id": 1 - s}
        for s in (0, 1) for c in (0, 1) for t in (0, 1)
    ]  # fmt: skip
    answer: list[dict[str, Any]] = [
        {"type": "t", "vcpus-count": 1, "props": one} for one in reversed(props)
    ]
    answer[7]["qom-path"] = "/machine/unattached/device[0]"
    answer[4]["qom-path"] = "/machine/peripheral/vcpu3"
    slots = read_slots(answer)
    assert [dict(slot.props) for slot in slots] == props
    assert [slot.vcpu for slot in slots] == list(range(8))
    assert [slot.free for slot in slots] == [False, True, True, False, True, True, True, True]
    assert [slot.device for slot in slots[:4]] == [None, None, None, "vcpu3"]


@given(st.data())
def test_a_change_reaches_the_count_or_says_why_not(data: st.DataObject) -> None:
    ceiling = data.draw(st.integers(1, 8))
    boot = data.draw(st.integers(1, ceiling))
    rest = range(boot, ceiling)
    added = data.draw(st.sets(st.sampled_from(rest))) if rest else set()
    count = data.draw(st.integers(1, 10))
    change = plan_change("web", _slots(boot, added, ceiling), count)
    if count > ceiling:
        assert [d.code for d in change.diagnostics] == ["KV770"]
    elif count < boot:
        assert [d.code for d in change.diagnostics] == ["KV771"]
    else:
        assert change.value is not None
        plug, unplug = change.value.plug, change.value.unplug
        assert boot + len(added) + len(plug) - len(unplug) == count
        assert not (plug and unplug)
        assert all(slot.free for slot in plug)
        assert all(slot.device for slot in unplug)


def test_the_lowest_go_in_first_and_the_highest_out() -> None:
    change = plan_change("web", _slots(2, {4}, 6), 5).value
    assert change is not None
    assert [slot.vcpu for slot in change.plug] == [2, 3]
    change = plan_change("web", _slots(2, {2, 3, 5}, 6), 3).value
    assert change is not None
    assert [slot.vcpu for slot in change.unplug] == [5, 3]


def _ost(**info: object) -> dict[str, Any]:
    return {"info": {"slot-type": "CPU", "slot": "4", "source": 3, "status": 1, **info}}


@pytest.mark.parametrize(
    ("name", "data", "declined"),
    [
        ("DEVICE_UNPLUG_GUEST_ERROR", {"device": "vcpu4", "path": "/p"}, True),
        ("DEVICE_UNPLUG_GUEST_ERROR", {"device": "vcpu5", "path": "/p"}, False),
        ("DEVICE_UNPLUG_GUEST_ERROR", {"path": "/p"}, False),
        ("DEVICE_DELETED", {"device": "vcpu4"}, False),
        ("ACPI_DEVICE_OST", _ost(), True),
        ("ACPI_DEVICE_OST", _ost(status=0), False),
        ("ACPI_DEVICE_OST", _ost(status=0x84), False),
        ("ACPI_DEVICE_OST", _ost(source=1), False),
        ("ACPI_DEVICE_OST", _ost(slot="3"), False),
        ("ACPI_DEVICE_OST", {**_ost(**{"slot-type": "DIMM"})}, False),
    ],
)
def test_what_is_a_refusal(name: str, data: dict[str, Any], declined: bool) -> None:
    assert declines(name, data, SLOT) is declined
