"""A case as short text, so that a failed property can be read and typed in again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.host.model import Host
    from kvmc.spec.model import Vm


def short(value: Any) -> str:
    """Repr without the fields that have their default."""
    if isinstance(value, tuple):
        return "(" + "".join(f"{short(one)}, " for one in value) + ")"
    if not isinstance(value, Struct):
        return repr(value)
    named = value.__struct_fields__
    defaults = dict(zip(reversed(named), reversed(value.__struct_defaults__), strict=False))
    told = [
        f"{name}={short(getattr(value, name))}"
        for name in named
        if name != "place" and getattr(value, name) != defaults.get(name, value)
    ]
    return f"{type(value).__name__}({', '.join(told)})"


def told(host: Host, vms: Sequence[Vm]) -> str:
    """The host core by core, then the VMs, a line each."""
    lines = [short(host.policy)]
    lines += [short(node) for node in host.nodes]
    lines += [f"{core.cpus} node {core.node} l3 {core.l3} {core.kind or ''}" for core in host.cores]
    return "\n".join(["", *lines, *map(short, vms)])
