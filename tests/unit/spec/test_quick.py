"""The quick judge and jsonschema give one verdict: on goldens, on mutants, on anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings

from kvmc.resources import schema_text
from kvmc.source.reader import read
from kvmc.spec.quick import judge_of
from kvmc.spec.schema import _quick, _validator
from kvmc.spec.values import text_keys
from tests.support.paths import REPO
from tests.unit.spec.test_any_data import anything, mutated

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("vm", "host", "lock")


def _differ(data: Any) -> list[str]:
    data = text_keys(data)
    return [kind for kind in KINDS if _quick(kind)(data) != _validator(kind).is_valid(data)]


def _documents() -> Iterator[Any]:
    for folder in ("tests/golden", "examples", "schemas"):
        for path in sorted((REPO / folder).rglob("*.yaml")):
            for document in read(path.read_bytes(), str(path)).value or ():
                yield document.data


def test_one_verdict_on_every_golden_and_example() -> None:
    documents = list(_documents())
    verdicts = [_quick("vm")(text_keys(data)) for data in documents]
    assert len(documents) > 100
    assert 20 < sum(verdicts) < len(documents) - 20
    assert [data for data in documents if _differ(data)] == []


@given(mutated())
@settings(max_examples=300, deadline=None)
def test_one_verdict_on_mutants(case: Any) -> None:
    assert _differ(case[0]) == []


@given(anything)
@settings(deadline=None)
def test_one_verdict_on_anything(data: Any) -> None:
    assert _differ(data) == []


def _places(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping in a schema that carries a rule."""
    if isinstance(schema, dict):
        yield schema
        for child in schema.values():
            yield from _places(child)
    elif isinstance(schema, list):
        for child in schema:
            yield from _places(child)


VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    *(-1, 0, 1, 9, 10, 99, 100, 255, 256, 1024, 4096, 4097, 65535, 65536, 1 << 70),
    *(0.0, 1.0, 6.0, 1.5, float("nan"), float("inf")),
    *("", "0", "0-3", "0-7,^2", "7-0", "^1", " 1 , 2", "99999", "own", "pty", "32GiB", "0KiB"),
    *("1GiB\n", "1\n", "pcid", "pcid\n", "a\x00", "\ud800", "none", "x", "01", "performance"),
    *([], [0], ["0-1"], [True], [[0]], [0, 0], [{}], [1.0], ["x"]),
    *({}, {"0": 1}, {"file": "x"}, {"file": ""}, {"count": 1}, {"x": None}, {"mode": "emulate"}),
)


@pytest.mark.parametrize("kind", KINDS)
def test_one_verdict_at_every_place_of_the_schema(kind: str) -> None:
    """Each subschema by itself, so that no rule hides behind another."""
    whole = json.loads(schema_text(kind))
    checked = 0
    for place in _places(whole):
        if not {"type", "enum", "allOf", "anyOf", "pattern", "not", "const"} & place.keys():
            continue
        if isinstance(place.get("type"), dict):
            continue  # a field that is called `type`, not a schema
        schema = {**place, "definitions": whole["definitions"]}
        judge, validator = judge_of(schema), _validator(kind).evolve(schema=schema)
        for value in VALUES:
            checked += 1
            assert judge(value) == validator.is_valid(value), (place, value)
    assert checked > 1000


@pytest.mark.parametrize("keyword", ["multipleOf", "uniqueItems", "oneOf", "if", "maxLength"])
def test_a_keyword_it_does_not_know_is_refused(keyword: str) -> None:
    with pytest.raises(KeyError, match=keyword):
        judge_of({"properties": {"a": {keyword: 1}}})


def test_an_enum_of_other_things_than_words_is_refused() -> None:
    with pytest.raises(KeyError, match="enum"):
        judge_of({"enum": [True]})
