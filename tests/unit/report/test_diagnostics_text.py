"""Carets stand under what they mean, in lines of any length and with any characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kvmc.diagnostics import Diagnostic, Place, Span, error, note, warning
from kvmc.report.diagnostics import to_json, to_text
from kvmc.report.style import Style

PLACE = Place(file="vms/a.yaml", pointer="/cpu/count")


def _at(line: int, column: int) -> Diagnostic:
    return replace(error("KV301", "too many", PLACE), span=Span(line=line, column=column))


def _text(diagnostic: Diagnostic, *lines: str) -> str:
    return to_text((diagnostic,), {"vms/a.yaml": lines}, Style())


def test_it_is_the_form_of_the_contract() -> None:
    found = replace(_at(2, 3), hint="fewer")
    assert _text(found, "a: 1", "b: 2") == (
        "vms/a.yaml:2:3: error[KV301]: too many\n 2 | b: 2\n   |   ^\n  hint: fewer\n"
    )


@pytest.mark.parametrize(("make", "word"), [(error, "error"), (warning, "warning"), (note, "note")])
def test_the_severity_is_a_word(make: object, word: str) -> None:
    assert _text(make("KV301", "x", PLACE)).startswith(f"vms/a.yaml: {word}[KV301]: x")  # type: ignore[operator]


def test_without_a_place_it_starts_with_the_severity() -> None:
    assert to_text((error("KV900", "x"),), {}, Style()) == "error[KV900]: x\n"


@pytest.mark.parametrize("line", [3, 99])
def test_a_line_that_is_not_there_has_no_excerpt(line: int) -> None:
    assert _text(_at(line, 1), "a", "b") == f"vms/a.yaml:{line}:1: error[KV301]: too many\n"


def test_the_gutter_grows_with_the_number() -> None:
    _, shown, caret = _text(_at(100, 1), *["x"] * 100).splitlines()
    assert (shown, caret) == (" 100 | x", "     | ^")


@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=600).filter(
        lambda text: len(text.splitlines()) == 1
    ),
    st.data(),
)
def test_the_caret_is_below_its_character(line: str, data: st.DataObject) -> None:
    column = data.draw(st.integers(1, len(line)))
    _, shown, caret = _text(_at(1, column), line).splitlines()
    below = shown[len(caret) - 1]
    wanted = line[column - 1]
    assert below == (wanted if wanted.isprintable() else " ")
    assert len(shown) <= 200


def test_a_caret_may_stand_behind_the_end_of_a_line() -> None:
    _, shown, caret = _text(_at(1, 5), "abcd").splitlines()
    assert (len(caret), len(shown)) == (len(" 1 | ") + 5, len(" 1 | ") + 4)


def test_tabs_and_escapes_are_one_cell_each() -> None:
    _, shown, caret = _text(_at(1, 3), "\t\x1bx").splitlines()
    assert (shown, caret) == (" 1 |   x", "   |   ^")


def test_messages_and_hints_never_break_the_line() -> None:
    found = replace(_at(1, 1), message="a\nb\x1b[2J", hint="c\rd")
    assert len(_text(found, "x").splitlines()) == 4
    assert "\x1b" not in _text(found, "x")


def test_colours_change_no_column() -> None:
    coloured = to_text((_at(1, 4),), {"vms/a.yaml": ["abcdef"]}, Style(colour=True))
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == _text(_at(1, 4), "abcdef")
    assert "\x1b[1;31m^\x1b[0m" in coloured


def test_json_has_every_key_even_where_nothing_is_known() -> None:
    assert to_json(error("KV900", "x")) == {
        "code": "KV900", "severity": "error", "message": "x", "file": None, "line": None,
        "column": None, "pointer": None, "hint": None,
    }  # fmt: skip


def test_json_tells_the_pointer_and_the_position() -> None:
    told = to_json(replace(_at(12, 9), hint="h"))
    assert (told["file"], told["line"], told["column"]) == ("vms/a.yaml", 12, 9)
    assert (told["pointer"], told["hint"]) == ("/cpu/count", "h")
