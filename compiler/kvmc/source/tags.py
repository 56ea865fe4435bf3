"""Tags: only those of the core schema, and only where they fit the text.

A tag never builds an object, so `!!python/...` and the like are refused rather than ignored.
Source: YAML 1.2.2, 10.3 (core schema).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kvmc.source.problems import shown
from kvmc.source.scalars import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.source.scalars import Scalar

_CORE = "tag:yaml.org,2002:"
_SCALARS: dict[str, tuple[str, Callable[[Scalar], bool]]] = {
    "int": ("a whole number", lambda value: type(value) is int),
    "float": ("a number", lambda value: type(value) in (int, float)),
    "bool": ("true or false", lambda value: type(value) is bool),
    "null": ("null", lambda value: value is None),
}
_KINDS = {"map": "mapping", "seq": "list", "str": "text", **dict.fromkeys(_SCALARS, "scalar")}


class TagProblem(Struct, frozen=True, kw_only=True):
    """Why a tag is refused, in the terms of a diagnostic."""

    code: str
    message: str
    hint: str


def tagged_scalar(tag: str, text: str) -> Scalar | TagProblem:
    """Return the value of a scalar that carries a tag."""
    if tag in ("!", _CORE + "str"):
        return text
    name = tag.removeprefix(_CORE) if tag.startswith(_CORE) else ""
    if name not in _SCALARS:
        return _wrong_kind(tag, name, "scalar")
    wanted, fits = _SCALARS[name]
    value = resolve(text)
    if not fits(value):
        from kvmc.source.ambiguity import ambiguity

        message = f"!!{name} wants {wanted}, not {shown(text)!r}"
        return TagProblem(
            code="KV110",
            message=message,
            hint=ambiguity(text) or "write a value that fits, or drop the tag",
        )
    return float(value) if name == "float" and isinstance(value, int) else value


def collection_problem(tag: str, name: str) -> TagProblem | None:
    """Return why a tag may not stand on a collection, whose own tag is `map` or `seq`."""
    return (
        None
        if tag in ("!", _CORE + name)
        else _wrong_kind(tag, tag.removeprefix(_CORE), _KINDS[name])
    )


def _wrong_kind(tag: str, name: str, kind: str) -> TagProblem:
    label = "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag
    if tag.startswith(_CORE) and name in _KINDS:
        return TagProblem(
            code="KV110", message=f"the tag {label} does not fit a {kind}", hint="drop the tag"
        )
    return TagProblem(
        code="KV109",
        message=f"the tag {shown(label)} is not allowed",
        hint="drop the tag; quote the value if it starts with '!'",
    )
