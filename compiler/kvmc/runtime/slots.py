"""Which vCPUs to plug or unplug: query-hotpluggable-cpus, read and reasoned about. Pure.

qapi/machine.json: an entry has `type`, `props` (what device_add wants), `vcpus-count`, and
`qom-path` once it is plugged. One from device_add has an id and stands below
/machine/peripheral; one from -smp stands below /machine/unattached and cannot be removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kvmc.diagnostics import Outcome, error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_PLACE = ("socket-id", "die-id", "cluster-id", "core-id", "thread-id")
_PERIPHERAL = "/machine/peripheral/"


class Slot(Struct, frozen=True, kw_only=True):
    """A place for one vCPU."""

    vcpu: int
    driver: str
    props: Mapping[str, Any]
    device: str | None
    """The id it was plugged with; None for a free slot and for a vCPU of the boot."""
    free: bool


class Change(Struct, frozen=True, kw_only=True):
    """What to do, in order: slots to plug, or to unplug; both empty when nothing changes."""

    plug: tuple[Slot, ...] = ()
    unplug: tuple[Slot, ...] = ()


def read_slots(answer: Iterable[Mapping[str, Any]]) -> tuple[Slot, ...]:
    """Return the slots by vCPU id, which is their place in the topology's order."""
    ordered = sorted(answer, key=lambda one: tuple(one["props"].get(key, 0) for key in _PLACE))
    return tuple(_slot(vcpu, one) for vcpu, one in enumerate(ordered))


def _slot(vcpu: int, one: Mapping[str, Any]) -> Slot:
    path = one.get("qom-path")
    plugged = path is not None and str(path).startswith(_PERIPHERAL)
    return Slot(
        vcpu=vcpu,
        driver=str(one["type"]),
        props=one["props"],
        device=str(path).removeprefix(_PERIPHERAL) if plugged else None,
        free=path is None,
    )


def plan_change(name: str, slots: Sequence[Slot], count: int) -> Outcome[Change]:
    """Return what makes the guest have `count` vCPUs; KV770 and KV771 where that cannot be.

    The lowest free vCPUs are plugged, the highest plugged ones are unplugged.
    """
    there = [slot for slot in slots if not slot.free]
    if count > len(slots):
        text = (
            f"{name} can have {len(slots)} vCPUs at most: {len(there)} are plugged and "
            f"{len(slots) - len(there)} can be added, so {count} is {count - len(slots)} too many"
        )
        hint = f"set cpu.max to {count} in the spec and start the guest anew"
        return Outcome(None, (error("KV770", text, hint=hint),))
    movable = [slot for slot in there if slot.device is not None]
    fixed = len(there) - len(movable)
    if count < fixed:
        text = (
            f"{name} was started with {fixed} vCPUs, and those cannot be unplugged, "
            f"so {count} is {fixed - count} too few"
        )
        hint = f"set cpu.count to {count} in the spec and start the guest anew"
        return Outcome(None, (error("KV771", text, hint=hint),))
    free = [slot for slot in slots if slot.free]
    return Outcome(
        Change(
            plug=tuple(free[: max(0, count - len(there))]),
            unplug=tuple(movable[::-1][: max(0, len(there) - count)]),
        )
    )


def declines(name: str, data: Mapping[str, Any], slot: Slot) -> bool:
    """Whether an event says that the guest keeps a vCPU it was asked for.

    ACPI_DEVICE_OST carries the guest's _OST (ACPI 6.x, 6.3.5): source 3 is an ejection request;
    0 is success, 0x84 in progress, the rest are refusals.
    """
    if name == "DEVICE_UNPLUG_GUEST_ERROR":
        return data.get("device") == slot.device
    if name != "ACPI_DEVICE_OST":
        return False
    info = data.get("info", {})
    ours = info.get("slot-type") == "CPU" and info.get("slot") == str(slot.vcpu)
    return ours and info.get("source") == 3 and info.get("status") not in (0, 0x84)  # noqa: PLR2004 - see above
