"""Why no CPU of a host is a candidate for a VM, or fewer are than its spec names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.planner.candidates import dedicable
from kvmc.words import cpus

if TYPE_CHECKING:
    from kvmc.host.model import Host
    from kvmc.spec.model import Pin


def no_candidates(pin: Pin, host: Host) -> str:
    """Return why a pin leaves no CPU of an empty host."""
    left = dedicable(host)
    if not left:
        return f"the policy of {host.name} leaves no CPU for dedicated vCPUs"
    if pin.kind is not None and all(core.kind != pin.kind for core in host.cores):
        return f"no core of {host.name} is known to be of kind {pin.kind}"
    if pin.cpus is not None and not left & pin.cpus:
        if not host.online & pin.cpus:
            return f"{cpus(pin.cpus)} of pin.cpus: none is online on {host.name}"
        return f"the policy of {host.name} leaves none of {cpus(pin.cpus)} for dedicated vCPUs"
    return f"no CPU of {host.name} is all that `pin` asks for"


def not_online(pin: Pin, host: Host) -> str:
    """Return which CPUs of `pin.cpus` a host has not, where it has others of them."""
    if pin.cpus is None or not host.online & pin.cpus or pin.cpus <= host.online:
        return ""
    gone = pin.cpus - host.online
    verb = "is" if len(gone) == 1 else "are"
    return f"{cpus(gone)} of pin.cpus {verb} not online on {host.name}"
