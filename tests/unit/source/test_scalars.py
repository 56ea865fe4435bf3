"""Plain scalars are read only where YAML 1.1 and 1.2 agree."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kvmc.source.ambiguity import ambiguity
from kvmc.source.scalars import MAX_DIGITS, resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("0", 0),
        ("6", 6),
        ("-1", -1),
        ("+7", 7),
        ("0x1F", 31),
        ("4.0", 4.0),
        ("-4.5", -4.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1.5e+3", 1500.0),
    ],
)
def test_what_both_versions_read_alike_is_read(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)
    assert ambiguity(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("010", "YAML 1.1 reads 010 as 8; write 8 or 10"),
        ("007", "write 7"),
        ("-010", "write -8 or -10"),
        ("09", "YAML 1.2 reads 09 as 9"),
        ("0o17", "YAML 1.2 reads 0o17 as 15"),
        ("0b11", "YAML 1.1 reads 0b11 as 3"),
        ("1_000", "YAML 1.1 reads 1_000 as 1000"),
        ("-0x1F", "as -31"),
        ("0x_1F", "as 31"),
        ("1:30", "YAML 1.1 reads 1:30 as 90"),
        ("-1:30:00", "as -5400"),
        ("1:30.5", "as 90.5"),
        ("yes", "YAML 1.1 reads yes as true; write true"),
        ("Off", "YAML 1.1 reads Off as false"),
        ("y", "as true"),
        ("N", "as false"),
        ("1e3", "YAML 1.2 reads 1e3 as 1000.0"),
        ("1_0.5", "as 10.5"),
        (".inf", "not finite"),
        ("-.INF", "not finite"),
        (".NaN", "not finite"),
        ("1.0e+999", "too large"),
        ("2001-12-14", "as a date"),
        ("2001-12-14 21:59:43.10 -5", "as a date"),
        ("9" * 5000, "5000 digits"),
        ("0x" + "f" * 5000, "digits"),
    ],
)
def test_what_they_read_differently_stays_a_string_with_a_hint(text: str, words: str) -> None:
    assert resolve(text) == text
    assert words in (ambiguity(text) or "")
    assert "quote" not in (ambiguity(text) or "")


@pytest.mark.parametrize("text", ["kvm-07", "0-3,8", "32GiB", "q35", "1.2.3", "<<", "=", "-", "."])
def test_ordinary_strings_are_not_ambiguous(text: str) -> None:
    assert resolve(text) == text
    assert ambiguity(text) is None


@given(st.text("0123456789_:.+-eExXoOabfnNyYTtruslinIF~ ", max_size=MAX_DIGITS))
def test_no_value_differs_from_what_pyyaml_reads_unless_it_is_ambiguous(text: str) -> None:
    tag = yaml.SafeLoader.yaml_implicit_resolvers
    value = resolve(text)
    if ambiguity(text) is not None:
        assert value == text
        return
    kinds = [kind for kind, pattern in tag.get(text[:1], []) if pattern.match(text)]
    names = {str: [], int: ["int"], float: ["float"], bool: ["bool"], type(None): ["null"]}
    assert [kind.rpartition(":")[2] for kind in kinds] == names[type(value)]


@given(st.integers(-(10**MAX_DIGITS) // 100, 10**MAX_DIGITS // 100))
def test_every_printed_int_is_read_back(number: int) -> None:
    assert resolve(str(number)) == number


@given(st.text(max_size=60))
def test_a_hint_is_given_only_for_strings(text: str) -> None:
    assert ambiguity(text) is None or resolve(text) == text
