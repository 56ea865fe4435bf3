"""The two fields every document starts with: `kvmc: v1` and `kind:`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.diagnostics import Outcome, Place, error
from kvmc.spec.phrases import quoted, shown
from kvmc.spec.suggest import closest
from kvmc.words import either

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmc.diagnostics import Diagnostic
    from kvmc.source.document import Document

VERSION = "v1"
KINDS = ("vm", "host", "lock")
_START = f"start the document with `kvmc: {VERSION}` and `kind: vm` or `kind: host`"


def kind_of(document: Document) -> Outcome[str]:
    """Return the kind of a document: vm, host or lock.

    The kind is there, beside an error, where only the version is missing. An unknown version
    gives no kind: what it would mean is not known.
    """
    place = Place(file=document.file, document=document.index)
    data = document.data
    if not isinstance(data, dict):
        message = f"expected a mapping with `kvmc` and `kind`, got {shown(data)}"
        return Outcome(None, (error("KV201", message, place, hint=_START),))
    known = data.get("kvmc", VERSION) == VERSION and data.get("kind") in KINDS
    if known and "kvmc" in data:
        return Outcome(data["kind"])
    problems = (*_version(data, place), *_kind(data, place))
    return Outcome(data["kind"] if known else None, problems)


def _version(data: dict[str | int, object], place: Place) -> Iterator[Diagnostic]:
    if "kvmc" not in data:
        yield error("KV202", "missing field `kvmc`, the version of the format", place, hint=_START)
    elif data["kvmc"] != VERSION:
        yield error(
            "KV203",
            f"unknown version of the format: {shown(data['kvmc'])}",
            place.at("kvmc"),
            hint=f"write `kvmc: {VERSION}`",
        )


def _kind(data: dict[str | int, object], place: Place) -> Iterator[Diagnostic]:
    if "kind" not in data:
        yield error("KV204", "missing field `kind`", place, hint=_START)
        return
    kind = data["kind"]
    if kind in KINDS:
        return
    near = closest(kind, KINDS) if isinstance(kind, str) else None
    got = quoted(kind) if isinstance(kind, str) else shown(kind)
    yield error(
        "KV205",
        f"unknown kind {got}",
        place.at("kind"),
        hint=f"did you mean `kind: {near}`?" if near else f"kinds are {either(KINDS)}",
    )
