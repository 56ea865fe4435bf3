"""The quick judge: a JSON Schema as nested functions that only say yes or no.

jsonschema is the judge whose errors people read, but it takes 110 ms to import and 20 times as
long as this; so it is asked only where this one says no. Both give the same verdict
(tests/unit/spec/test_quick.py). It knows the keywords that kvmc's schemas use, and a schema with
another one is refused, not half obeyed.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from kvmc.cpuset import CpuSetError
from kvmc.spec.values import cpus_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Schema = dict[str, Any]
    Judge = Callable[[Any], bool]

_SAY_NOTHING = frozenset(
    ("$schema", "title", "description", "default", "examples", "definitions", "properties")
)
"""Keywords that refuse nothing; `properties` is read together with `additionalProperties`."""


def judge_of(schema: Schema) -> Judge:
    """Return a function that says whether data fits the schema; KeyError for an unknown keyword."""
    return _judge(schema, schema.get("definitions", {}))


def is_integer(value: object) -> bool:
    """Whether it is a whole number; JSON Schema would take 6.0 for one, and Python True."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether it is a finite number and no bool."""
    return is_integer(value) or (isinstance(value, float) and math.isfinite(value))


def check_cpuset(value: Any) -> bool:  # noqa: ANN401 - data of any shape
    """Return True for what can be read as a CPU set, or is refused for its type elsewhere.

    Raises CpuSetError, with the reason.
    """
    items = value if isinstance(value, list) else [value]
    if all(is_integer(item) or isinstance(item, str) for item in items):
        cpus_of(value)
    return True


def _judge(schema: Schema, shared: dict[str, Schema]) -> Judge:
    if "$ref" in schema:
        return _judge(shared[schema["$ref"].removeprefix("#/definitions/")], shared)
    judges = [
        _KEYWORDS[keyword](wanted, shared)
        for keyword, wanted in schema.items()
        if keyword not in _SAY_NOTHING and keyword != "additionalProperties"
    ]
    if "properties" in schema or "additionalProperties" in schema:
        judges.append(_fields(schema, shared))
    return judges[0] if len(judges) == 1 else _every(judges)


def _every(judges: Iterable[Judge]) -> Judge:
    judges = tuple(judges)

    def judge(value: object) -> bool:
        for one in judges:  # noqa: SIM110 (all() over a generator takes twice as long)
            if not one(value):
                return False
        return True

    return judge


def _fields(schema: Schema, shared: dict[str, Schema]) -> Judge:
    known = {name: _judge(one, shared) for name, one in schema.get("properties", {}).items()}
    rest = schema.get("additionalProperties", {})
    other = (lambda _: False) if rest is False else _judge(rest, shared)

    def judge(value: object) -> bool:
        if isinstance(value, dict):
            for name, item in value.items():
                if not known.get(name, other)(item):
                    return False
        return True

    return judge


def _type(wanted: str | list[str], _: object) -> Judge:
    types = [_TYPES[name] for name in ([wanted] if isinstance(wanted, str) else wanted)]
    return types[0] if len(types) == 1 else lambda value: any(fits(value) for fits in types)


def _one_of(words: list[str], _: object) -> Judge:
    if not all(isinstance(word, str) for word in words):
        raise KeyError("enum")  # True == 1 in Python, and not in JSON
    return lambda value: value in words


def _required(names: list[str], _: object) -> Judge:
    wanted = frozenset(names)
    return lambda value: not isinstance(value, dict) or wanted <= value.keys()


def _pattern(pattern: str, _: object) -> Judge:
    search = re.search  # compiles at the first use, and keeps what it compiled
    return lambda value: not isinstance(value, str) or search(pattern, value) is not None


def _format(name: str, _: object) -> Judge:
    return {"cpuset": _is_cpuset}[name]


def _is_cpuset(value: object) -> bool:
    try:
        return check_cpuset(value)
    except CpuSetError:
        return False


def _items(schema: Schema, shared: dict[str, Schema]) -> Judge:
    judge = _judge(schema, shared)
    return lambda value: not isinstance(value, list) or all(map(judge, value))


def _keys(schema: Schema, shared: dict[str, Schema]) -> Judge:
    judge = _judge(schema, shared)
    return lambda value: not isinstance(value, dict) or all(map(judge, value))


def _any_of(schemas: list[Schema], shared: dict[str, Schema]) -> Judge:
    judges = [_judge(schema, shared) for schema in schemas]
    return lambda value: any(judge(value) for judge in judges)


def _not(schema: Schema, shared: dict[str, Schema]) -> Judge:
    judge = _judge(schema, shared)
    return lambda value: not judge(value)


_TYPES: dict[str, Judge] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": is_integer,
    "number": is_number,
}

_KEYWORDS: dict[str, Callable[[Any, dict[str, Schema]], Judge]] = {
    "type": _type,
    "enum": _one_of,
    "const": lambda word, shared: _one_of([word], shared),
    "required": _required,
    "pattern": _pattern,
    "format": _format,
    "items": _items,
    "propertyNames": _keys,
    "anyOf": _any_of,
    "allOf": lambda schemas, shared: _every(_judge(one, shared) for one in schemas),
    "not": _not,
    "minimum": lambda low, _: lambda value: not is_number(value) or value >= low,
    "maximum": lambda high, _: lambda value: not is_number(value) or value <= high,
    "minItems": lambda least, _: lambda value: not isinstance(value, list) or len(value) >= least,
    "minLength": lambda least, _: lambda value: not isinstance(value, str) or len(value) >= least,
}
