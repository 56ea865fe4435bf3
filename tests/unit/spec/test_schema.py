from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator

from kvmc.resources import schema_text
from kvmc.spec.schema import _validator, kind_of, validate
from kvmc.units import SIZE_PATTERN
from tests.unit.spec.documents import HEADER, SMALL, document

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("vm", "host")


def _messages(text: str, kind: str = "vm") -> list[tuple[str, str]]:
    return [
        (d.place.pointer if d.place else "?", d.message) for d in validate(document(text), kind)
    ]


def _schema(kind: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(schema_text(kind))
    return loaded


def _mappings(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield schema
        for child in schema.values():
            yield from _mappings(child)
    elif isinstance(schema, list):
        for child in schema:
            yield from _mappings(child)


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_draft_07(kind: str) -> None:
    schema = _schema(kind)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("kind", KINDS)
def test_every_mapping_is_closed_and_every_field_described(kind: str) -> None:
    mappings = list(_mappings(_schema(kind)))
    assert len(mappings) > 3
    for mapping in mappings:
        assert mapping["additionalProperties"] is False
        assert all(field.get("description") for field in mapping["properties"].values())


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_and_default_is_valid(kind: str) -> None:
    schema = _schema(kind)
    seen = 0
    for mapping in _mappings(schema):
        for name, field in mapping["properties"].items():
            values = [
                *field.get("examples", ()),
                *([field["default"]] if "default" in field else ()),
            ]
            for value in values:
                seen += 1
                whole = {**field, "definitions": schema["definitions"]}
                assert not list(Draft7Validator(whole).iter_errors(value)), (name, value)
    assert seen > 5


@pytest.mark.parametrize("kind", [*KINDS, "lock"])
def test_every_number_has_both_bounds(kind: str) -> None:
    text = json.dumps(_schema(kind))
    numbers = [json.loads(one) for one in re.findall(r'\{[^{}]*"type": "integer"[^{}]*\}', text)]
    assert numbers
    assert [n for n in numbers if not {"minimum", "maximum"} <= n.keys()] == []


def test_sizes_are_those_of_units() -> None:
    for kind in KINDS:
        pattern = _schema(kind)["definitions"]["size"]["pattern"]
        assert pattern == SIZE_PATTERN.removesuffix("$") + "(?!\\n)$"


def test_the_validator_is_made_once() -> None:
    validate(document(SMALL), "vm")
    assert _validator("vm") is _validator("vm")
    assert _validator("vm") is not _validator("host")


@pytest.mark.parametrize("kind", ["vm", "host", "lock"])
def test_a_kind_is_known(kind: str) -> None:
    outcome = kind_of(document(f"kvmc: v1\nkind: {kind}\n"))
    assert (outcome.value, outcome.diagnostics) == (kind, ())


@pytest.mark.parametrize(
    ("text", "value", "codes"),
    [
        ("[1]", None, ["KV201"]),
        ("kind: vm", "vm", ["KV202"]),
        ("{kvmc: 1, kind: vm}", None, ["KV203"]),
        ("kvmc: v1", None, ["KV204"]),
        ("{kvmc: v1, kind: vmm}", None, ["KV205"]),
        ("{kvmc: v1, kind: [vm]}", None, ["KV205"]),
        ("{a: 1}", None, ["KV202", "KV204"]),
    ],
)
def test_a_bad_header(text: str, value: str | None, codes: list[str]) -> None:
    outcome = kind_of(document(text))
    assert outcome.value == value
    assert [d.code for d in outcome.diagnostics] == codes


def test_a_kind_is_suggested() -> None:
    (problem,) = kind_of(document("{kvmc: v1, kind: Hots}")).diagnostics
    assert problem.hint == "did you mean `kind: host`?"


def test_a_wrong_kind_is_the_only_problem() -> None:
    assert _messages("{kvmc: v1, kind: host, foo: 1}") == [
        ("/kind", "expected `kind: vm`, got `kind: host`")
    ]


def test_an_unknown_version_is_the_only_problem() -> None:
    assert [m for _, m in _messages("{kvmc: v2, kind: vm, foo: 1}")] == [
        "unknown version of the format: the string 'v2'"
    ]


def test_a_misspelled_field_is_not_missing_too() -> None:
    (problem,) = validate(document(SMALL + "cpu: {cuont: 2}"), "vm")
    assert (problem.code, problem.hint) == ("KV211", "did you mean `count`?")
    assert problem.place is not None
    assert (problem.place.pointer, problem.place.key) == ("/cpu/cuont", True)


def test_a_field_that_is_missing_is_meant_before_one_of_that_name_elsewhere() -> None:
    (problem,) = validate(document(SMALL + "cpus: 2"), "vm")
    assert (problem.code, problem.hint) == ("KV211", "did you mean `cpu`?")


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("Memory: 1", "did you mean `memory`?"),
        ("shares: 1", "`shares` belongs under `tune`"),
        ("threads: 1", "`threads` belongs under `cpu.topology` or `pin`"),
        ("distances: 1", "`distances` belongs under `numa.cells`"),
    ],
)
def test_an_unknown_field_is_told_where_it_belongs(field: str, hint: str) -> None:
    problems = validate(document(f"{HEADER}name: a\ncpu: {{count: 1}}\n{field}"), "vm")
    assert [p.hint for p in problems] == [hint]


def test_all_fields_are_listed_when_none_is_near() -> None:
    (problem,) = validate(document(SMALL + "cpu: {count: 1, cache: {mode: disable, zz: 1}}"), "vm")
    assert problem.hint == "fields here are mode and level"


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("cpu: {count: six}", "expected a whole number, got the string 'six'"),
        ("cpu: {count: 6.0}", "expected a whole number, got the number 6.0"),
        ("cpu: {count: true}", "expected a whole number, got true"),
        ("cpu: {count: 0}", "expected a number from 1 to 4096, got 0"),
        ("cpu:", "expected a mapping, got nothing"),
        ("cpu: [1]", "expected a mapping, got a list"),
        ("cpu: {count: 1, migratable: 'on'}", "expected true or false, got the string 'on'"),
        ("cpu: {count: 1, check: 5}", "expected none, partial or full, got the number 5"),
    ],
)
def test_plain_words(field: str, message: str) -> None:
    assert [m for _, m in _messages(SMALL + field)] == [message]


@pytest.mark.parametrize(
    ("pin", "pointer", "message"),
    [
        ("cpus: 3-1", "/pin/cpus", "no CPU set: the range 3-1 runs backwards"),
        ("cpus: [0, 9-8]", "/pin/cpus", "no CPU set: the range 9-8 runs backwards"),
        ("cpus: -1", "/pin/cpus", "no CPU set: '-1' is no CPU, range a-b or exclusion ^a"),
        ("cpus: 70000", "/pin/cpus", "no CPU set: CPU 70000 is above 65535"),
        ("cpus: [1.5]", "/pin/cpus/0", "expected a CPU or a range such as 0-3, got the number 1.5"),
        ("cpus: true", "/pin/cpus", "expected a CPU set such as 0-3,8, got true"),
        ("emulator: 3-1", "/pin/emulator", "no CPU set: the range 3-1 runs backwards"),
        ("emulator: onw", "/pin/emulator", "expected own, share, isolate or a CPU set, got 'onw'"),
        ("emulator: {}", "/pin/emulator",
         "expected own, share, isolate or a CPU set, got a mapping"),
        ("emulator: [[]]", "/pin/emulator/0",
         "expected a CPU or a range such as 0-3, got a list"),
        ("map: {x: 1}", "/pin/map/x", "the key `x` must be a whole number"),
    ],
)  # fmt: skip
def test_a_bad_cpu_set_is_said_once(pin: str, pointer: str, message: str) -> None:
    text = f"{SMALL}cpu: {{count: 1}}\npin: {{{pin}}}"
    assert _messages(text) == [(pointer, message)]


@pytest.mark.parametrize(
    ("size", "hint"),
    [
        ("32", "add a unit, e.g. 32GiB; units are"),
        ("32G", "did you mean 32GiB? units are"),
        ("32 gb", "did you mean 32GiB? units are"),
        ("9999999999999999GiB", "a size has 15 digits at most; look at the unit"),
        ("much", "write a whole number and a unit, e.g. 32GiB; units are"),
        ("010", "YAML 1.1 reads 010 as 8"),
        ('"32GiB\\n"', "write a whole number and a unit"),
    ],
)
def test_a_size_without_a_unit(size: str, hint: str) -> None:
    (problem,) = validate(document(f"{HEADER}name: a\ncpu: {{count: 1}}\nmemory: {size}"), "vm")
    assert problem.code == "KV216"
    assert problem.hint is not None
    assert problem.hint.startswith(hint)


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ('cpu: {count: "010"}', "YAML 1.1 reads 010 as 8; write 8 or 10"),
        ('cpu: {count: "6"}', "write 6 without quotes or a tag"),
        ('cpu: {count: "6.5"}', "for example 6"),
        ('cpu: {count: 1}\nfeatures: {pmu: "on"}', "YAML 1.1 reads on as true; write true"),
        ('cpu: {count: 1}\nfeatures: {pmu: "false"}', "write false without quotes or a tag"),
        ("cpu: {count: 1}\nfeatures: {pmu: off}", "YAML 1.1 reads off as false; write false"),
        ("cpu: {count: 1, features: {pcid: on}}", None),
    ],
)
def test_quotes_are_never_the_way_to_a_number_or_a_word(body: str, hint: str | None) -> None:
    (problem,) = validate(document(SMALL + body), "vm")
    assert problem.hint == hint


def test_the_form_of_a_serial_console_that_was_meant_is_judged() -> None:
    text = SMALL + "cpu: {count: 1}\nserial: "
    assert _messages(text + "{file: 5}") == [
        ("/serial/file", "expected a string, got the number 5")
    ]
    assert _messages(text + "{fil: a}") == [("/serial/fil", "unknown field `fil`")]
    assert _messages(text + "tty") == [("/serial", "expected pty or {file: PATH}, got 'tty'")]
    assert _messages(text + "[]") == [("/serial", "expected pty or {file: PATH}, got a list")]


def test_a_key_of_digits_may_be_a_string() -> None:
    text = SMALL + 'cpu: {count: 2}\npin: {strategy: manual, map: {"0": 1, 1: 2}}'
    assert _messages(text) == []


@pytest.mark.parametrize("number", ["0", ".inf", "-.nan", "2000", "1_0"])
def test_overcommit_is_a_sane_number(number: str) -> None:
    text = (
        f"kvmc: v1\nkind: host\nname: h\ncores: [{{cpus: [[0]]}}]\npolicy: {{overcommit: {number}}}"
    )
    assert [p for p, _ in _messages(text, "host")] == ["/policy/overcommit"]


def test_a_form_is_asked_of_an_empty_string_too() -> None:
    text = "kvmc: v1\nkind: lock\nhost: h\nfingerprint: ''\nvms: {}\n"
    assert [pointer for pointer, _ in _messages(text, "lock")] == ["/fingerprint"]
    machine = "kvmc: v1\nkind: vm\nname: a\nmemory: 1GiB\ncpu: {count: 1}\nmachine: ''\n"
    assert _messages(machine) == [("/machine", "this string must not be empty")]


def test_text_that_xml_cannot_carry() -> None:
    text = SMALL + 'cpu: {count: 1}\nboot: {kernel: "/a\\nb"}'
    assert _messages(text) == [
        ("/boot/kernel", "'/a\\nb' holds a control character, which XML cannot carry")
    ]


def test_of_many_problems_the_first_are_told_and_that_there_are_more() -> None:
    text = SMALL + "cpu: {count: 1}\n" + "".join(f"k{n}: 1\n" for n in range(1500))
    found = validate(document(text), "vm")
    assert [d.message for d in found[:1000]] == [f"unknown field `k{n}`" for n in range(1000)]
    assert [d.code for d in found[1000:]] == ["KV118"]


def test_which_ones_are_told_does_not_depend_on_the_hashes_of_names() -> None:
    lines = "".join(f"  vm{n}: {{}}\n" for n in range(900))
    head = f'kvmc: v1\nkind: lock\nhost: h\nfingerprint: "sha256:{"0" * 64}"\nvms:\n'
    found = validate(document(head + lines), "lock")
    assert found[-1].code == "KV118"
    told = list(dict.fromkeys(d.place.pointer for d in found[:-1] if d.place))
    assert told == [f"/vms/vm{n}" for n in range(len(told))]
