"""Colours are SGR pairs, and input never steers a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmc.report.style import Style, printable


@given(st.text())
def test_whatever_is_printed_can_be_printed(text: str) -> None:
    assert printable(text).isprintable()


@given(st.text(st.characters(categories=("L", "N", "P", "S"))))
def test_text_that_can_be_printed_is_left_alone(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x9b", "\\x9b"),
        ("\u202e", "\\u202e"),
        ("\udcff", "\\udcff"),
        ("ä λ 🐧", "ä λ 🐧"),
    ],
)
def test_what_steers_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_paint_wraps_and_resets() -> None:
    assert Style(colour=True).paint("a", "1;31") == "\x1b[1;31ma\x1b[0m"


@pytest.mark.parametrize(
    ("style", "text", "sgr"),
    [(Style(), "a", "1"), (Style(colour=True), "", "1"), (Style(colour=True), "a", "")],
)
def test_without_colour_text_or_code_nothing_is_added(style: Style, text: str, sgr: str) -> None:
    assert style.paint(text, sgr) == text
