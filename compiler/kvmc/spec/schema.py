"""A document against the JSON Schema of its kind, in words for a person."""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from msgspec import json

from kvmc.cpuset import CpuSetError
from kvmc.diagnostics import Outcome, Place, error
from kvmc.resources import schema_text
from kvmc.source.problems import MAX_PROBLEMS, too_many
from kvmc.spec.header import kind_of
from kvmc.spec.quick import check_cpuset, is_integer, is_number, judge_of
from kvmc.spec.values import text_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

    from kvmc.diagnostics import Diagnostic
    from kvmc.source.document import Document
    from kvmc.spec.problems import Problem
    from kvmc.spec.quick import Judge

__all__ = ["fields_as_meant", "fields_of", "kind_of", "validate"]


def validate(document: Document, kind: str) -> tuple[Diagnostic, ...]:
    """Return every KV2xx problem of a document as a `kind`; () when the data can be loaded."""
    return fields_of(document, kind).diagnostics


def fields_of(document: Document, kind: str) -> Outcome[dict[str, Any]]:
    """Return the data of a document, keys as text; none where it is no valid `kind` (KV2xx).

    Each problem is said once and at the deepest place that explains it; an unknown field that
    looks like a missing one is reported as the former only. Beyond MAX_PROBLEMS it is KV118.
    """
    header = kind_of(document)
    place = Place(file=document.file, document=document.index)
    if header.value is None:
        return Outcome(None, header.diagnostics)
    if header.value != kind:
        text = f"expected `kind: {kind}`, got `kind: {header.value}`"
        return Outcome(None, (error("KV205", text, place.at("kind")),))
    data = text_keys(document.data)
    if _quick(kind)(data):
        wrong = any(d.is_error for d in header.diagnostics)
        return Outcome(None if wrong else data, header.diagnostics)
    from kvmc.spec.problems import translate

    schema, problems = _check(kind, data)
    told = (said for problem in problems for said in translate(problem, place, schema))
    found = [*header.diagnostics, *islice(told, MAX_PROBLEMS)]
    if next(told, None) is not None:
        found.append(too_many(place))
    wrong = any(d.is_error for d in found)
    return Outcome(None if wrong else data, tuple(dict.fromkeys(found)))


def fields_as_meant(document: Document, kind: str) -> dict[str, Any] | None:
    """Return the data of a document whose unknown fields (KV211) are all that is wrong with it.

    They are left out, or taken for the known ones they look like; None where rules could not be
    checked of what remains.
    """
    from kvmc.spec.meant import as_meant  # only a mistake needs it

    data = as_meant(text_keys(document.data), json.decode(schema_text(kind)))
    return data if data is not None and _quick(kind)(data) else None


@cache
def _quick(kind: str) -> Judge:
    return judge_of(json.decode(schema_text(kind)))


def _check(kind: str, data: dict[str, Any]) -> tuple[dict[str, Any], Iterator[Problem]]:
    validator = _validator(kind)
    # The stubs know nothing of a schema that has no `true` or `false` in it.
    return cast("dict[str, Any]", validator.schema), cast(
        "Iterator[Problem]", validator.iter_errors(data)
    )


@cache
def _validator(kind: str) -> Validator:
    from jsonschema import Draft7Validator, FormatChecker
    from jsonschema.validators import extend

    formats = FormatChecker(())
    formats.checks("cpuset", raises=CpuSetError)(check_cpuset)
    types = Draft7Validator.TYPE_CHECKER.redefine_many(
        {"integer": lambda _, value: is_integer(value), "number": lambda _, value: is_number(value)}
    )
    strict: type[Validator] = extend(  # type: ignore[no-untyped-call]
        Draft7Validator, {"additionalProperties": _others}, type_checker=types
    )
    return strict(json.decode(schema_text(kind)), format_checker=formats)


def _others(
    validator: Validator, rule: object, data: object, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    """Judge `additionalProperties` in the file's order; jsonschema goes by that of a set.

    Of more than MAX_PROBLEMS errors the same ones must be told in each run.
    """
    from jsonschema import ValidationError as Found

    if not isinstance(data, dict):
        return
    others = [name for name in data if name not in schema.get("properties", ())]
    if isinstance(rule, dict):
        for name in others:
            yield from validator.descend(data[name], rule, path=name)  # type: ignore[attr-defined]
    elif others and not rule:
        yield Found("unknown fields")
