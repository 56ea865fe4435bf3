"""What makes a domain itself: two domains of a host never have one UUID."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from kvmc.diagnostics import error
from kvmc.render.xmltree import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvmc.diagnostics import Diagnostic
    from kvmc.spec.model import Vm

_UUID = re.compile(r"[0-9A-Fa-f-]+")


def shared_uuids(built: Iterable[tuple[str | None, Vm, bytes]]) -> Iterator[Diagnostic]:
    """Yield KV609 for each VM whose base has the UUID of another VM's base on the same host.

    `built` are (host or None, VM, its base). libvirt refuses to define the second of them: "domain
    is already defined with uuid" (src/conf/virdomainobjlist.c, virDomainObjListAddLocked).
    """
    owners: dict[tuple[str | None, str], str] = {}
    uuid_of = cache(_uuid)  # many VMs have one base
    for host, vm, base in built:
        uuid = uuid_of(base)
        if uuid is None:
            continue
        owner = owners.setdefault((host, uuid.replace("-", "").lower()), vm.name)
        if owner != vm.name:
            message = f"{vm.name} would have the UUID of {owner}: {uuid}"
            hint = "take <uuid> out of a base that several VMs have; libvirt makes one up for each"
            yield error("KV609", message, vm.place.at("base"), hint=hint)


def _uuid(base: bytes) -> str | None:
    """Return the domain's own UUID: a comment may have one too, and so may metadata."""
    domain = parse(base, "", None).value if b"<uuid" in base else None
    own = [one.text for one in domain.all("uuid")] if domain else []
    return own[0] if own and _UUID.fullmatch(own[0]) else None
