"""One jsonschema error to diagnostics: plain words, one code a kind of mistake, a way out."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from kvmc.diagnostics import error
from kvmc.source.ambiguity import ambiguity
from kvmc.source.problems import MAX_PROBLEMS
from kvmc.source.scalars import resolve
from kvmc.spec.phrases import expected, field, quoted, shown
from kvmc.spec.quick import is_integer, is_number
from kvmc.spec.suggest import closest, homes
from kvmc.units import UNITS
from kvmc.words import both, either

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from kvmc.diagnostics import Diagnostic, Place

    Translator = Callable[["Problem", Place], Iterator[Diagnostic]]


class Problem(Protocol):
    """What is read of a jsonschema ValidationError."""

    validator: str
    """The keyword that was broken, e.g. `enum`."""
    validator_value: Any
    instance: Any
    schema: dict[str, Any]
    cause: Exception | None
    context: Sequence[Problem]
    """What each branch of an anyOf says."""

    @property
    def path(self) -> Collection[str | int]:
        """Where it is, from the parent's place."""

    @property
    def absolute_path(self) -> Collection[str | int]:
        """Where it is in the document."""

    @property
    def absolute_schema_path(self) -> Collection[str | int]:
        """Where its keyword is in the schema."""


_HEADER = ("kvmc", "kind")
_SHORT_SIZE = re.compile(r"([1-9][0-9]*)\s*([kmgt])(i?b)?\Z", re.IGNORECASE)
_MOST_DIGITS = 15
"""Of a size; see units.SIZE_PATTERN."""


def translate(problem: Problem, root: Place, schema: dict[str, Any]) -> Iterator[Diagnostic]:
    """Yield the diagnostics of one error; `root` is the document, `schema` that of its kind.

    Errors of the header are left to `kvmc.spec.header`.
    """
    place = root.at(*problem.absolute_path)
    match problem.validator:
        case "additionalProperties":
            yield from _unknown(problem, place, schema)
        case "required":
            yield from _missing(problem, place)
        case "anyOf":
            yield from _alternatives(problem, root, schema)
        case "const":
            return
        case _ if "propertyNames" in problem.absolute_schema_path:
            yield _bad_key(problem, place)
        case _:
            yield from _TRANSLATORS[problem.validator](problem, place)


def _unknown_fields(problem: Problem) -> dict[str, str | None]:
    """Unknown field -> the field that was perhaps meant."""
    known = problem.schema["properties"]
    unknown = (name for name in problem.instance if name not in known)
    return {name: closest(name, known) for name in islice(unknown, MAX_PROBLEMS + 1)}


def _unknown(problem: Problem, place: Place, schema: dict[str, Any]) -> Iterator[Diagnostic]:
    for name, near in _unknown_fields(problem).items():
        # What must be there and is not was meant, wherever else such a field may stand.
        lacks = near in problem.schema.get("required", ()) and near not in problem.instance
        elsewhere = () if lacks else homes(name, schema)
        if elsewhere:
            hint = f"`{name}` belongs under {either(f'`{home}`' for home in elsewhere)}"
        elif near:
            hint = f"did you mean `{near}`?"
        else:
            hint = f"fields here are {both(problem.schema['properties'])}"
        yield error("KV211", f"unknown field {field(name)}", place.at(name, key=True), hint=hint)


def _missing(problem: Problem, place: Place) -> Iterator[Diagnostic]:
    meant = set(_unknown_fields(problem).values())
    for name in problem.validator_value:
        if name not in problem.instance and name not in meant and name not in _HEADER:
            text = problem.schema["properties"][name]["description"]
            yield error("KV212", f"missing field `{name}`", place, hint=f"`{name}`: {text}")


def _type(problem: Problem, place: Place) -> Iterator[Diagnostic]:
    value = problem.instance
    if problem.schema.get("title") == "size":
        yield from _size(problem, place)
        return
    hint = _quoted_value(value, problem.validator_value) or _string_hint(value)
    if problem.validator_value == "string" and isinstance(value, int | float):
        hint = "put it in quotes to make it a string"
    yield error(
        "KV213",
        f"expected {expected(problem.schema)}, got {shown(value)}",
        place,
        hint=hint or _example(problem.schema),
    )


def _enum(problem: Problem, place: Place) -> Iterator[Diagnostic]:
    yield _not_a_word(problem.instance, problem.validator_value, place)


def _not_a_word(value: object, words: list[str], place: Place) -> Diagnostic:
    near = closest(value, words) if isinstance(value, str) else None
    hint = f"did you mean `{near}`?" if near else None
    got = quoted(value) if isinstance(value, str) else shown(value)
    return error("KV214", f"expected {either(words)}, got {got}", place, hint=hint)


def _range(problem: Problem, place: Place) -> Iterator[Diagnostic]:
    if problem.schema.get("format") == "cpuset":
        return  # said by the format
    low, high = problem.schema["minimum"], problem.schema["maximum"]
    yield error("KV215", f"expected a number from {low} to {high}, got {problem.instance}", place)


def _pattern(problem: Problem, place: Place) -> Iterator[Diagnostic]:
    if problem.schema.get("title") == "size":
        yield from _size(problem, place)
        return
    if problem.schema.get("format") == "cpuset":
        return  # said by the format
    if problem.instance or "allOf" not in problem.schema:  # a "text" says itself that it is empty
        form = problem.validator_value.replace(r"(?!\n)", "")
        yield error(
            "KV219",
            f"{quoted(problem.instance)} does not have the form {form}",
            place,
            hint=_example(problem.schema),
        )


def _size(problem: Problem, place: Place) -> Iterator[Diagnostic]:
    value = problem.instance
    units = f"units are {both(UNITS)}"
    short = _SHORT_SIZE.match(value) if isinstance(value, str) else None
    if isinstance(value, int) and not isinstance(value, bool):
        units = f"add a unit, e.g. {value}GiB; {units}"
    elif short and len(short[1]) > _MOST_DIGITS:
        units = f"a size has {_MOST_DIGITS} digits at most; look at the unit"
    elif short:
        units = f"did you mean {short[1]}{short[2].upper()}iB? {units}"
    else:
        other = _string_hint(value) or "write a whole number and a unit, e.g. 32GiB"
        units = f"{other}; {units}"
    yield error("KV216", f"expected a size with a unit, got {shown(value)}", place, hint=units)


def _cpuset(problem: Problem, place: Place) -> Iterator[Diagnostic]:
    hint = "write CPUs and ranges, e.g. 0-3,8 or 0-7,^2"
    if other := _string_hint(problem.instance):
        hint += f" ({other})"
    yield error("KV217", f"no CPU set: {problem.cause}", place, hint=hint)


def _empty(problem: Problem, place: Place) -> Iterator[Diagnostic]:
    what = "list" if isinstance(problem.instance, list) else "string"
    yield error("KV218", f"this {what} must not be empty", place, hint=_example(problem.schema))


def _control(problem: Problem, place: Place) -> Iterator[Diagnostic]:
    yield error(
        "KV219",
        f"{quoted(problem.instance)} holds a control character, which XML cannot carry",
        place,
        hint="write it on one line, without escapes",
    )


def _bad_key(problem: Problem, place: Place) -> Diagnostic:
    key = problem.instance
    wants = {
        "CPU id": "a whole number",
        "size": "a size such as 2MiB",
        "feature name": "a feature's name, such as pcid",
    }
    title = str(problem.schema.get("title"))
    return error(
        "KV219",
        f"the key {field(key)} must be {wants.get(title, 'a text')}",
        place.at(key, key=True),
        hint=_string_hint(key),
    )


def _alternatives(problem: Problem, root: Place, schema: dict[str, Any]) -> Iterator[Diagnostic]:
    """Say the one thing that helps: what is wrong inside the form that was evidently meant."""
    value, place = problem.instance, root.at(*problem.absolute_path)
    nested = [
        p for p in problem.context if p.path or p.validator not in ("enum", "type", "pattern")
    ]
    if nested and not (isinstance(value, str) and value[:1].isalpha()):
        for inner in nested:
            yield from translate(inner, root, schema)
    elif isinstance(value, str):
        words = next(p.validator_value for p in problem.context if p.validator == "enum")
        near = closest(value, words)
        yield error(
            "KV214",
            f"expected {expected(problem.schema)}, got {quoted(value)}",
            place,
            hint=f"did you mean `{near}`?" if near else None,
        )
    else:
        yield error("KV213", f"expected {expected(problem.schema)}, got {shown(value)}", place)


def _quoted_value(value: object, types: str | list[str]) -> str | None:
    """Say that only its quotes make a string of a number, or of true and false."""
    meant = resolve(value) if isinstance(value, str) else None
    fits = {
        "integer": is_integer(meant),
        "number": is_number(meant),
        "boolean": isinstance(meant, bool),
    }
    if any(fits.get(name) for name in ([types] if isinstance(types, str) else types)):
        return f"write {value} without quotes or a tag"
    return None


def _string_hint(value: object) -> str | None:
    """Say what YAML could have made of the text, e.g. `010` or `on`."""
    return ambiguity(value) if isinstance(value, str) else None


def _example(schema: dict[str, Any]) -> str | None:
    import json

    examples = schema.get("examples")
    return "for example " + json.dumps(examples[0]).replace('"', "") if examples else None


_TRANSLATORS: dict[str, Translator] = {
    "type": _type,
    "enum": _enum,
    "minimum": _range,
    "maximum": _range,
    "pattern": _pattern,
    "format": _cpuset,
    "minItems": _empty,
    "minLength": _empty,
    "not": _control,
}
