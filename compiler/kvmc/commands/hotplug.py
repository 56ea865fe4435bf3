"""`kvmc hotplug`: more or fewer vCPUs for a running guest of `kvmc run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.commands.result import Failure, Result
from kvmc.runtime import guests
from kvmc.runtime.process import died
from kvmc.runtime.trouble import Trouble, status_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from kvmc.commands.result import View
    from kvmc.diagnostics import Diagnostic
    from kvmc.runtime.plug import Plugged
    from kvmc.runtime.records import Guest


def run(options: argparse.Namespace, _view: View) -> Result:
    """Plug or unplug until the guest has COUNT vCPUs, each pinned as it was planned."""
    if options.count < 1:
        raise Failure(2, f"a guest has at least one vCPU, so {options.count} is too few")
    found = guests.find(options.name)
    if found.value is None:
        return Result(diagnostics=found.diagnostics, document=_document(options.name))
    guest = found.value
    done, refused = _set_vcpus(guest, options.count, options.timeout)
    if any(d.code == "KV762" for d in refused) and not guests.is_there(guest):
        refused = (*refused, died(guest.name, None, guest.log))
    return Result(
        diagnostics=refused,
        document=_document(options.name, done),
        said=_said(guest, done) if done else "",
        status=status_of(refused),
    )


def _set_vcpus(
    guest: Guest, count: int, seconds: float
) -> tuple[Plugged | None, tuple[Diagnostic, ...]]:
    """Return what was done and what was not; nothing was where QEMU could not be spoken to."""
    from kvmc.runtime.plug import set_vcpus
    from kvmc.runtime.qmp_driver import Monitor

    try:
        with guests.held(guest), Monitor(guest.name, guest.socket) as monitor:
            # another hotplug may have ended just now, and have counted
            fresh = guests.find(guest.name).value or guest
            done = set_vcpus(monitor, fresh, count, seconds)
    except Trouble as trouble:
        return None, trouble.diagnostics
    return done, done.diagnostics


def _said(guest: Guest, done: Plugged) -> str:
    pins = guest.orders.vcpus
    lines = [
        f"vCPU {vcpu} added" + (f", pinned to {pins[vcpu]}" if vcpu in pins else "")
        for vcpu in done.added
    ]
    lines += [f"vCPU {vcpu} removed" for vcpu in done.removed]
    change = f"{done.before} -> {done.now}" if done.now != done.before else f"{done.now}, as before"
    return "\n".join((*lines, f"{guest.name}: vCPUs {change}")) + "\n"


def _document(name: str, done: Plugged | None = None) -> Mapping[str, object]:
    return {
        "kvmc": "v1",
        "kind": "hotplug",
        "name": name,
        "before": done.before if done else None,
        "now": done.now if done else None,
        "added": list(done.added) if done else [],
        "removed": list(done.removed) if done else [],
    }
