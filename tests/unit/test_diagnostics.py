"""Laws of diagnostics: places, positions and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmc.diagnostics import Diagnostic, Outcome, Place, Span, error, locate, note, warning

if TYPE_CHECKING:
    from random import Random

    from kvmc.diagnostics import Locator


class Text:
    """A text in which the pointer /N stands in line N, and its key in column 1."""

    def locate(self, pointer: str, *, key: bool = False) -> Span | None:
        line = int(pointer.removeprefix("/"))
        return Span(line=line, column=1 if key else 5)


TEXTS: dict[tuple[str, int], Locator] = {("a.yaml", 0): Text(), ("b.yaml", 1): Text()}

diagnostics = st.builds(
    Diagnostic,
    code=st.sampled_from(["KV101", "KV301"]),
    message=st.sampled_from(["one", "two"]),
    place=st.builds(
        Place,
        file=st.sampled_from(["a.yaml", "b.yaml", "unknown.yaml"]),
        document=st.sampled_from([0, 1]),
        pointer=st.sampled_from(["/1", "/2", "/10"]),
        key=st.booleans(),
    )
    | st.none(),
)
reports = st.lists(diagnostics, max_size=12)


@given(reports)
def test_a_report_is_sorted(report: list[Diagnostic]) -> None:
    located = locate(report, TEXTS)
    assert list(located) == sorted(located, key=Diagnostic.sort_key)


@given(reports, st.randoms())
def test_a_report_does_not_depend_on_the_order_it_came_in(
    report: list[Diagnostic], random: Random
) -> None:
    shuffled = list(report)
    random.shuffle(shuffled)
    assert [d.sort_key() for d in locate(shuffled, TEXTS)] == [
        d.sort_key() for d in locate(report, TEXTS)
    ]


@given(reports)
def test_equal_diagnostics_are_reported_once(report: list[Diagnostic]) -> None:
    assert locate([*report, *report], TEXTS) == locate(report, TEXTS)
    assert len(set(locate(report, TEXTS))) == len(locate(report, TEXTS))


@given(reports)
def test_locating_twice_changes_nothing(report: list[Diagnostic]) -> None:
    once = locate(report, TEXTS)
    assert locate(once, TEXTS) == once


@given(reports)
def test_nothing_is_lost(report: list[Diagnostic]) -> None:
    assert {d.message for d in locate(report, TEXTS)} == {d.message for d in report}


def test_lines_are_sorted_as_numbers() -> None:
    place = Place(file="a.yaml")
    located = locate(
        [error("KV301", "late", place.at(10)), error("KV301", "early", place.at(9))], TEXTS
    )
    assert [d.message for d in located] == ["early", "late"]


def test_a_key_is_found_at_the_key() -> None:
    (located,) = locate([error("KV201", "unknown", Place(file="a.yaml").at(3, key=True))], TEXTS)
    assert located.span == Span(line=3, column=1)


def test_a_span_that_is_there_stays() -> None:
    known = error(
        "KV101", "broken", Place(file="a.yaml", pointer="/3"), span=Span(line=7, column=2)
    )
    assert locate([known], TEXTS) == (known,)


def test_what_has_no_document_stays_without_a_position() -> None:
    nowhere = (error("KV401", "no host"), error("KV401", "no host", Place(file="unknown.yaml")))
    assert locate(nowhere, TEXTS) == nowhere


def test_a_pointer_escapes_as_rfc_6901_asks() -> None:
    assert Place(file="f").at("a/b", "c~d", 0).pointer == "/a~1b/c~0d/0"
    assert Place(file="f").at("~1").pointer == "/~01"


@given(st.lists(st.text(max_size=5) | st.integers(min_value=0)))
def test_a_pointer_gives_its_parts_back(parts: list[str | int]) -> None:
    pointer = Place(file="f").at(*parts).pointer
    back = [p.replace("~1", "/").replace("~0", "~") for p in pointer.split("/")[1:]]
    assert back == [str(part) for part in parts]


@pytest.mark.parametrize(
    ("outcome", "failed"),
    [
        (Outcome(1), False),
        (Outcome(0), False),
        (Outcome(None), True),
        (Outcome(1, (warning("KV501", "tight"), note("KV502", "by the way"))), False),
        (Outcome(1, (warning("KV501", "tight"), error("KV503", "no"))), True),
    ],
)
def test_an_outcome_fails_without_a_value_or_with_an_error(
    outcome: Outcome[int], failed: bool
) -> None:
    assert outcome.failed is failed
