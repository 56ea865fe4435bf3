"""What makes a domain itself: two domains of a host never have one UUID."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvmc.diagnostics import error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvmc.diagnostics import Diagnostic
    from kvmc.spec.model import Vm

_UUID = re.compile(rb"<uuid>\s*([0-9A-Fa-f-]+)\s*</uuid>")


def shared_uuids(built: Iterable[tuple[str | None, Vm, bytes]]) -> Iterator[Diagnostic]:
    """Yield KV609 for each VM whose base has the UUID of another VM's base on the same host.

    `built` are (host or None, VM, its base). libvirt refuses to define the second of them: "domain
    is already defined with uuid" (src/conf/virdomainobjlist.c, virDomainObjListAddLocked).
    """
    owners: dict[tuple[str | None, bytes], str] = {}
    for host, vm, base in built:
        found = _UUID.search(base)
        if not found:
            continue
        uuid = found[1].replace(b"-", b"").lower()
        owner = owners.setdefault((host, uuid), vm.name)
        if owner != vm.name:
            message = f"{vm.name} would have the UUID of {owner}: {found[1].decode()}"
            hint = "take <uuid> out of a base that several VMs have; libvirt makes one up for each"
            yield error("KV609", message, vm.place.at("base"), hint=hint)
