"""The page: tables, numbers, and which targets are met."""

from __future__ import annotations

import pytest
from benchmarks import page
from benchmarks.page import Section, Target

NAN = float("nan")


def test_a_table_has_words_on_the_left_and_numbers_on_the_right() -> None:
    text = page.table(("host", "CPUs"), [["a", "8"], ["b", "16"]])
    assert text.splitlines() == ["| host | CPUs |", "| --- | --: |", "| a | 8 |", "| b | 16 |"]
    assert page.table(("a", "b", "c"), [], left=2).splitlines()[1] == "| --- | --- | --: |"


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (page.number(1234567.4), "1,234,567"),
        (page.number(NAN), "-"),
        (page.micro(0.000_118), "118"),
        (page.milli(0.0123), "12.3"),
        (page.times(12.34), "12.3x"),
        (page.times(0.034), "0.03x"),
        (page.times(NAN), "-"),
        (page.percent(1.0), "100 %"),
        (page.percent(0.9996), "99 %"),
        (page.percent(0.99996, 1), "99.9 %"),
        (page.percent(0.0), "0 %"),
        (page.percent(NAN), "-"),
        (page.spread((3.0, 0.5, NAN, 1.0)), "0.5x to 3.0x"),
        (page.spread((2.0, 2.0)), "2.0x"),
        (page.spread(()), "-"),
    ],
)
def test_numbers_are_for_people(shown: str, wanted: str) -> None:
    assert shown == wanted


def _target(what: str, *, met: bool, reason: str = "") -> Target:
    return Target(what=what, wanted="10x", measured="9x", met=met, reason=reason)


def test_the_summary_shows_all_targets_and_names_the_reason_of_each_missed_one() -> None:
    sections = [
        Section(title="One", words="", targets=(_target("fast", met=True, reason="never read"),)),
        Section(
            title="Two",
            words="",
            targets=(_target("small", met=False, reason="tables"), _target("quiet", met=False)),
        ),
    ]
    assert page.summary(sections).replace(page.WHY, "Why:").splitlines() == [
        "## Targets",
        "",
        "| target | wanted | measured |  |",
        "| --- | --- | --- | --: |",
        "| fast | 10x | 9x | met |",
        "| small | 10x | 9x | **missed** |",
        "| quiet | 10x | 9x | **missed** |",
        "",
        "Why:",
        "",
        "- small: tables",
        "- quiet: 9x",
    ]


def test_where_all_is_met_nothing_is_said_of_reasons() -> None:
    text = page.summary([Section(title="One", words="", targets=(_target("fast", met=True),))])
    assert "missed" not in text


def test_a_section_is_a_heading_words_and_tables() -> None:
    assert Section(title="T", words="w", tables=("t1", "t2")).text() == "## T\n\nw\n\nt1\n\nt2\n"
