"""The lock file: the placement on one host, generated, and reviewed in pull requests.

One line a VM, in the order of names, so that a pull request shows exactly which VMs move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kvmc.cpuset import CpuSet, CpuSetError
from kvmc.diagnostics import Outcome, Place, error
from kvmc.planner.booking import Booking
from kvmc.planner.held import Held
from kvmc.source.quote import quote
from kvmc.units import format_kib, parse_kib

if TYPE_CHECKING:
    from kvmc.diagnostics import Diagnostic
    from kvmc.source.document import Document

_HEAD = """\
# yaml-language-server: $schema={schema}
# Written by `kvmc lock`; review it, do not edit.
"""
_FLOATS = "shared"


class Lock(Struct, frozen=True, kw_only=True):
    """What one host's lock holds, by VM name in ascending order."""

    host: str
    fingerprint: str
    """Of the host's facts at the time of planning."""
    held: tuple[Held, ...] = ()
    place: Place | None = None

    def by_name(self) -> dict[str, Held]:
        """Return VM name -> its line."""
        return {held.name: held for held in self.held}


def dump_lock(lock: Lock, schema: str = "../schemas/lock.json") -> str:
    """Return the file's text: the same bytes for the same placement."""
    lines = [
        _HEAD.format(schema=schema),
        f"kvmc: v1\nkind: lock\nhost: {quote(lock.host)}\nfingerprint: {quote(lock.fingerprint)}\n",
        "vms:\n" if lock.held else "vms: {}\n",
    ]
    lines += [
        f"  {quote(held.name)}: {_line(held)}\n"
        for held in sorted(lock.held, key=lambda held: held.name)
    ]
    return "".join(lines)


def _line(held: Held) -> str:
    parts = [
        f"demand: {quote(held.demand)}",
        f"strategy: {held.strategy}",
        f"threads: {held.threads}",
        f"siblings: {held.siblings}",
        f"cpus: [{', '.join(map(_cpus, held.cpus))}]",
    ]
    if held.isolated:
        parts.append(f"isolated: [{', '.join(map(str, held.isolated))}]")
    if held.listed:
        parts.append(f'listed: "{held.listed}"')
    parts.append(f"takes: [{', '.join(map(_booking, held.bookings))}]")
    return "{" + ", ".join(parts) + "}"


def _cpus(cpus: CpuSet | None) -> str:
    if cpus is None:
        return _FLOATS
    return str(cpus) if len(cpus) == 1 else f'"{cpus}"'


def _booking(booking: Booking) -> str:
    parts = [] if booking.cell < 0 else [f"cell: {booking.cell}"]
    if booking.node is not None:
        parts.append(f"node: {booking.node}")
    elif booking.wishes:
        parts.append(f"near: [{', '.join(map(str, booking.wishes))}]")
    parts.append(f"memory: {format_kib(booking.memory_kib)}")
    if booking.page_kib is not None:
        parts.append(f"page: {format_kib(booking.page_kib)}")
    if booking.floats:
        parts.append(f"shared: {booking.floats}")
    return "{" + ", ".join(parts) + "}"


def load_lock(document: Document) -> Outcome[Lock]:
    """Return the lock of a `kind: lock` document; none where the schema (KV2xx) refuses it.

    KV521: a line that cannot be read, which only editing by hand makes.
    """
    from kvmc.spec.schema import fields_of

    place = Place(file=document.file, document=document.index)
    fields = fields_of(document, "lock")
    if fields.value is None:
        return Outcome(None, fields.diagnostics)
    data = fields.value
    found: list[Diagnostic] = list(fields.diagnostics)
    held = []
    for name, line in sorted(data["vms"].items()):
        try:
            held.append(_held(name, line))
        except (CpuSetError, ValueError) as reason:
            found.append(
                error(
                    "KV521",
                    f"the line of {name} is broken: {reason}",
                    place.at("vms", name, key=True),
                    hint="restore it from git",
                )
            )
    lock = Lock(host=data["host"], fingerprint=data["fingerprint"], held=tuple(held), place=place)
    return Outcome(lock, tuple(found))


def _held(name: str, line: dict[str, Any]) -> Held:
    return Held(
        name=name,
        demand=line["demand"],
        strategy=line["strategy"],
        threads=line["threads"],
        siblings=line["siblings"],
        cpus=tuple(None if c == _FLOATS else CpuSet.parse(str(c)) for c in line["cpus"]),
        isolated=tuple(line.get("isolated", ())),
        listed=CpuSet.parse(str(line.get("listed", ""))),
        bookings=tuple(_taken(name, entry) for entry in line["takes"]),
    )


def _taken(name: str, entry: dict[str, Any]) -> Booking:
    return Booking(
        vm=name,
        cell=entry.get("cell", -1),
        node=entry.get("node"),
        wishes=tuple(entry.get("near", [entry["node"]] if "node" in entry else [])),
        memory_kib=parse_kib(entry["memory"]),
        page_kib=parse_kib(entry["page"]) if "page" in entry else None,
        floats=entry.get("shared", 0),
    )
