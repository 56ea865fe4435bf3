"""Carrying out a hotplug: device_add and pin, or device_del and wait for the guest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from kvmc.diagnostics import Diagnostic, error
from kvmc.runtime.confine import confine_vcpus, release_vcpu
from kvmc.runtime.pinning import pin_vcpu
from kvmc.runtime.records import register
from kvmc.runtime.slots import declines, plan_change, read_slots
from kvmc.runtime.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.runtime.qmp_driver import Monitor
    from kvmc.runtime.records import Guest
    from kvmc.runtime.slots import Slot


_LOOK_SECONDS = 0.2
"""How often the slots are looked at where no event comes."""


class Plugged(Struct, frozen=True, kw_only=True):
    """What was done; `diagnostics` tell why not more."""

    before: int
    now: int
    added: tuple[int, ...] = ()
    """vCPU ids."""
    removed: tuple[int, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def set_vcpus(monitor: Monitor, guest: Guest, count: int, seconds: float) -> Plugged:
    """Plug or unplug vCPUs, one after the other, until there are `count`, or one fails.

    `seconds`: how long the guest may take to let go of one. Raises Trouble (KV762) where QEMU
    does not answer at all.
    """
    slots = read_slots(monitor.ask("query-hotpluggable-cpus"))
    before = sum(not slot.free for slot in slots)
    change = plan_change(guest.name, slots, count)
    if change.value is None:
        return Plugged(before=before, now=before, diagnostics=change.diagnostics)
    unsafe = _corrupts(monitor, guest, slots) if change.value.plug else ()
    if unsafe:
        return Plugged(before=before, now=before, diagnostics=unsafe)
    if change.value.unplug:
        return _unplug(monitor, guest, before, change.value.unplug, seconds)
    return _plug(monitor, guest, before, change.value.plug, seconds)


def _corrupts(monitor: Monitor, guest: Guest, slots: Sequence[Slot]) -> tuple[Diagnostic, ...]:
    """Return KV779 where plugging would make QEMU abort: under TCG, after any unplug.

    The memory listener of a vCPU that is gone is still called and clears the TLB that was freed
    with it (QEMU 7.2 softmmu/physmem.c, tcg_commit; valgrind shows it), so that even a place that
    was never used cannot be filled. Where all are used up, tcg_register_thread (tcg/tcg.c) fails
    its `g_assert(n < tcg_max_ctxs)`.
    """
    gone = guest.plugs - sum(slot.device is not None for slot in slots)
    if gone <= 0 or monitor.ask("query-kvm")["enabled"]:
        return ()
    text = (
        f"{guest.name}: under TCG no vCPU can be added once one was unplugged, and {gone} "
        f"{'was' if gone == 1 else 'were'}: QEMU would abort"
    )
    return (error("KV779", text, hint="start the guest anew, or use KVM"),)


def _plug(
    monitor: Monitor, guest: Guest, before: int, slots: Sequence[Slot], seconds: float
) -> Plugged:
    added: list[int] = []
    said: list[Diagnostic] = []
    for plugs, slot in enumerate(slots, guest.plugs + 1):
        try:
            said += _plug_one(monitor, replace(guest, plugs=plugs), slot, seconds)
        except Trouble as trouble:
            said += trouble.diagnostics
            break
        added.append(slot.vcpu)
    return Plugged(
        before=before, now=before + len(added), added=tuple(added), diagnostics=tuple(said)
    )


def _plug_one(monitor: Monitor, guest: Guest, slot: Slot, seconds: float) -> tuple[Diagnostic, ...]:
    """Plug and pin one vCPU; where it cannot be pinned the guest is asked to give it back."""
    device = f"vcpu{slot.vcpu}"  # libvirt's ids
    given: dict[str, Any] = {"driver": slot.driver, "id": device, **slot.props}
    monitor.ask_with("device_add", given)
    register(guest)
    try:
        said = confine_vcpus(monitor, guest.orders, guest.group, slot.vcpu)
        return said + pin_vcpu(monitor, guest.orders, guest.pid, slot.vcpu)
    except Trouble as trouble:
        answer = _unplug_one(monitor, guest, replace(slot, device=device), seconds)
        kept = () if answer == "gone" else (_kept(guest.name, slot.vcpu, answer, seconds),)
        raise Trouble(*trouble.diagnostics, *kept) from trouble


def _unplug(
    monitor: Monitor, guest: Guest, before: int, slots: Sequence[Slot], seconds: float
) -> Plugged:
    removed: list[int] = []
    refused: tuple[Diagnostic, ...] = ()
    for slot in slots:
        try:
            answer = _unplug_one(monitor, guest, slot, seconds)
        except Trouble as trouble:
            refused = trouble.diagnostics
            break
        if answer != "gone":
            refused = (_kept(guest.name, slot.vcpu, answer, seconds),)
            break
        removed.append(slot.vcpu)
    return Plugged(
        before=before, now=before - len(removed), removed=tuple(removed), diagnostics=refused
    )


def _unplug_one(monitor: Monitor, guest: Guest, slot: Slot, seconds: float) -> str:
    """Ask the guest for a vCPU; return "gone", "declined", or "silent".

    What counts is that the slot is free again: under TCG no DEVICE_DELETED ever comes for a vCPU
    (QEMU 7.2 sends it for the vCPU's APIC only).
    """
    monitor.ask("device_del", id=str(slot.device))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        event = monitor.wait(_LOOK_SECONDS)
        if event and declines(*event, slot):
            return "declined"
        if read_slots(monitor.ask("query-hotpluggable-cpus"))[slot.vcpu].free:
            release_vcpu(guest.group, slot.vcpu)
            return "gone"
    return "silent"


def _kept(name: str, vcpu: int, answer: str, seconds: float) -> Diagnostic:
    if answer == "declined":
        hint = "the guest's own log says why; it must be able to take the CPU offline"
        return error("KV772", f"{name}: the guest declined to give up vCPU {vcpu}", hint=hint)
    text = f"{name}: the guest did not answer for {seconds:g} s whether it gives up vCPU {vcpu}"
    hint = "the request stands, so it may still go; a guest that is paused or booting cannot answer"
    return error("KV772", text, hint=hint)
