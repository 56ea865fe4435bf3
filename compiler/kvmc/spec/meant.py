"""A document with unknown fields as it was meant, so that its rules can be checked all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmc.spec.suggest import closest, homes

if TYPE_CHECKING:
    Data = dict[str, Any]


def as_meant(data: Data, schema: Data) -> Data | None:
    """Return a mapping without the fields that its schema does not know.

    One that looks like a known field, which is not given, is taken for that. None where a field
    belongs elsewhere: rules would complain of what is missing there.
    """
    return _mapping(data, schema, schema)


def _mapping(data: Data, schema: Data, whole: Data) -> Data | None:
    known = schema["properties"]
    kept: Data = {}
    for name, value in data.items():
        meant = name if name in known else _like(name, data, known)
        if name not in known and meant not in schema.get("required", ()) and homes(name, whole):
            return None
        if meant is not None and meant not in kept:
            kept[meant] = _value(value, known[meant], whole)
            if kept[meant] is None:
                return None
    return kept


def _like(name: str, data: Data, known: Data) -> str | None:
    near = closest(name, known)
    return None if near in data else near


def _value(value: object, schema: Data, whole: Data) -> object | None:
    """Return a value as it was meant; None where that cannot be told."""
    if isinstance(value, dict) and "properties" in schema:
        return _mapping(value, schema, whole)
    if isinstance(value, list) and "properties" in schema.get("items", {}):
        items = [_value(item, schema["items"], whole) for item in value]
        return None if None in items else items
    return value
