"""Positions of values and keys by JSON pointer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmc.diagnostics import Place, Span
from kvmc.source.document import Document
from tests.unit.source.reading import only

TEXT = """\
name: web
cpu:
  count: 6
  é: {ü: 1, x: 2}
cells:
- {cpus: 0-5}
- cpus: 6
map: {0: 9, a/b: 1, m~n: 2, "": 3}
empty:
base: &b {x: 1}
use: *b
merged:
  <<: *b
  y: 2
"""


@pytest.mark.parametrize(
    ("pointer", "value", "key"),
    [
        ("", (1, 1), (1, 1)),
        ("/name", (1, 7), (1, 1)),
        ("/cpu", (3, 3), (2, 1)),
        ("/cpu/count", (3, 10), (3, 3)),
        ("/cpu/é/x", (4, 16), (4, 13)),
        ("/cells", (6, 1), (5, 1)),
        ("/cells/0", (6, 3), (6, 3)),
        ("/cells/0/cpus", (6, 10), (6, 4)),
        ("/cells/1", (7, 3), (7, 3)),
        ("/map/0", (8, 10), (8, 7)),
        ("/map/a~1b", (8, 18), (8, 13)),
        ("/map/m~0n", (8, 26), (8, 21)),
        ("/map/", (8, 33), (8, 29)),
        ("/empty", (9, 7), (9, 1)),
        ("/use", (11, 6), (11, 1)),
        ("/use/x", (10, 14), (10, 11)),
        ("/merged/x", (10, 14), (10, 11)),
        ("/merged/y", (14, 6), (14, 3)),
    ],
)
def test_values_and_keys(pointer: str, value: tuple[int, int], key: tuple[int, int]) -> None:
    document = only(TEXT)
    assert document.locate(pointer) == Span(line=value[0], column=value[1])
    assert document.locate(pointer, key=True) == Span(line=key[0], column=key[1])


@pytest.mark.parametrize(
    ("pointer", "parent"),
    [
        ("/nothing", ""),
        ("/cpu/max", "/cpu"),
        ("/cpu/max/deeper", "/cpu"),
        ("/cells/2", "/cells"),
        ("/cells/-1", "/cells"),
        ("/cells/²", "/cells"),
        ("/cells/99999999999999999999", "/cells"),
        ("/name/first", "/name"),
        ("/merged/<<", "/merged"),
    ],
)
def test_what_is_missing_is_at_its_nearest_parent(pointer: str, parent: str) -> None:
    document = only(TEXT)
    assert document.locate(pointer) == document.locate(parent)
    assert document.locate(pointer, key=True) == document.locate(parent)


def test_positions_of_a_later_document_count_from_the_top_of_the_file() -> None:
    from kvmc.source.reader import read

    outcome = read(b"a: 1\n---\nb: 2\n", "f")
    assert outcome.value is not None
    assert outcome.value[1].locate("/b") == Span(line=3, column=4)


def test_a_document_made_by_hand_has_no_positions() -> None:
    assert Document(file="f", index=0, data={}).locate("/a") is None


def test_lines() -> None:
    document = only("a: 1\nb: 2\n")
    assert [document.line(n) for n in (0, 1, 2, 3, 4)] == [None, "a: 1", "b: 2", "", None]


@given(st.dictionaries(st.text(st.characters(codec="ascii", categories=["L", "P"])), st.integers()))
def test_every_key_is_found_through_a_place(data: dict[str, int]) -> None:
    import json

    text = "".join(f"{json.dumps(key)}: {value}\n" for key, value in data.items()) or "{}"
    document = only(text)
    for line, key in enumerate(data, start=1):
        span = document.locate(Place(file="f").at(key).pointer, key=True)
        assert span == Span(line=line, column=1)
