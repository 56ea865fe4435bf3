"""Laws over any text: no exception, and never another value than PyYAML's."""

from __future__ import annotations

import math
import re

import yaml
from hypothesis import given
from hypothesis import strategies as st

from kvmc.source.ambiguity import ambiguity
from kvmc.source.reader import read

YAMLISH = st.lists(
    st.sampled_from(
        [
            *"ab01:-?,[]{}#&*!|>'\"%@~<. \t\n\\é",
            ": ",
            "- ",
            "\n  ",
            "\n",
            "---\n",
            "...\n",
            "&a ",
            "*a",
            "<<: ",
            "!!str ",
            "!!int ",
            "!x ",
            "\r\n",
            "true",
            "null",
            "1.5",
            "0x1",
            "\\x41",
        ]
    ),
    max_size=60,
).map("".join)

DATA = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=4) | st.integers(0, 99).map(lambda n: n + 10), inner, max_size=4
        )
    ),
    max_leaves=20,
)


def _ambiguous(value: object) -> bool:
    if isinstance(value, str):
        return ambiguity(value) is not None or value in {"=", "<<"}
    if isinstance(value, list):
        return any(map(_ambiguous, value))
    if isinstance(value, dict):
        return any(_ambiguous(part) for pair in value.items() for part in pair)
    return isinstance(value, float) and not math.isfinite(value)


def _typed(value: object) -> object:
    """Tell 1 from 1.0 and True, which Python calls equal."""
    if isinstance(value, list):
        return [_typed(one) for one in value]
    if isinstance(value, dict):
        return [(_typed(key), _typed(value[key])) for key in sorted(value, key=repr)]
    return (type(value).__name__, value)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    outcome = read(raw, "f")
    assert outcome.value or outcome.diagnostics
    assert all(d.span is not None and d.place is not None for d in outcome.diagnostics)


@given(YAMLISH)
def test_any_text_is_read_or_refused_with_places_inside_it(text: str) -> None:
    outcome = read(text.encode(), "f")
    assert outcome.value or outcome.diagnostics
    assert len(outcome.diagnostics) <= text.count("\n") + len(text) + 1
    for problem in outcome.diagnostics:
        assert problem.span is not None
        lines = text.count("\n") + text.count("\r") + 1
        assert 1 <= problem.span.line <= lines + 1  # libyaml has an end without LF on a new line
        assert 1 <= problem.span.column <= len(text) + 1
        assert problem.code.startswith("KV1")


@given(YAMLISH)
def test_what_both_accept_is_the_same_data(text: str) -> None:
    if re.search(r"!(?![\w!])", text):
        return  # PyYAML ignores the tag `!`, which makes a text of anything in 1.1 and 1.2
    outcome = read(text.encode(), "f")
    if outcome.failed or any(_ambiguous(d.data) for d in outcome.value or ()):
        return
    try:
        theirs = list(yaml.safe_load_all(text))
    except (yaml.YAMLError, ValueError, TypeError):
        return  # PyYAML's Python parser is stricter about tabs, and has no `=`
    assert _typed([d.data for d in outcome.value or ()]) == _typed(theirs)


@given(DATA, st.sampled_from([None, True, False]))
def test_what_pyyaml_writes_is_read_back(data: object, flow: bool | None) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=False)
    outcome = read(text.encode(), "f")
    codes = {d.code for d in outcome.diagnostics}
    if codes <= {"KV103", "KV107"} and codes:
        return  # control characters in a text, or both 10 and "10" as keys
    assert not codes
    (document,) = outcome.value or ()
    if not _ambiguous(data):
        assert _typed(document.data) == _typed(data)
