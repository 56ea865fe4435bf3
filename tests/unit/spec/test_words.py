from __future__ import annotations

import pytest

from kvmc.cpuset import CpuSet, CpuSetError
from kvmc.spec.phrases import field, quoted, shown
from kvmc.spec.suggest import closest, homes
from kvmc.spec.values import cpus_of, text_keys


@pytest.mark.parametrize(
    ("word", "found"),
    [("cuont", "count"), ("COUNT", "count"), ("mdoe", "mode"), ("zebra", None), ("", None)],
)
def test_the_closest_word(word: str, found: str | None) -> None:
    assert closest(word, ("count", "mode", "model")) == found


def test_the_homes_of_a_field() -> None:
    schema = {
        "properties": {
            "a": {"properties": {"x": {}}},
            "b": {"items": {"properties": {"x": {}}}},
            "c": {},
        }
    }
    assert homes("x", schema) == ("a", "b")
    assert homes("c", schema) == ()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing"),
        (True, "true"),
        (6, "the number 6"),
        (0.5, "the number 0.5"),
        ("six", "the string 'six'"),
        ([], "a list"),
        ({}, "a mapping"),
    ],
)
def test_values_in_words(value: object, words: str) -> None:
    assert shown(value) == words


def test_what_cannot_be_printed_is_escaped_and_what_is_long_is_cut() -> None:
    assert quoted("\x1b[31m\udc80") == "'\\x1b[31m\\udc80'"
    assert len(quoted("x" * 1000)) == 62
    assert field("a\nb") == "`a\\nb`"


def test_keys_become_text_at_every_depth() -> None:
    assert text_keys({1: [{2: "x"}], "a": {3: None}}) == {"1": [{"2": "x"}], "a": {"3": None}}


@pytest.mark.parametrize("value", [5, "5", [5], ["4-5", "^4"], "4-5,^4"])
def test_a_cpu_set_in_each_of_its_spellings(value: str | int | list[str | int]) -> None:
    assert cpus_of(value) == CpuSet([5])


def test_a_bad_cpu_set_raises() -> None:
    with pytest.raises(CpuSetError):
        cpus_of([1, ""])
