"""Files made to exhaust a reader are refused early and cheaply."""

from __future__ import annotations

import tracemalloc

import pytest

from kvmc.source import problems as bounds
from kvmc.source.anchors import MAX_EXPANDED
from kvmc.source.problems import MAX_PROBLEMS, MAX_VALUES
from kvmc.source.reader import read
from kvmc.source.stream import MAX_DEPTH
from tests.unit.source.reading import only, problems


def _laughs(levels: int, width: int) -> str:
    first = f"- &l0 [{', '.join(['ha'] * width)}]\n"
    rest = (f"- &l{n} [{', '.join([f'*l{n - 1}'] * width)}]\n" for n in range(1, levels))
    return first + "".join(rest)


def _merges(keys: int, uses: int) -> str:
    base = ", ".join(f"k{n}: {n}" for n in range(keys))
    return f"- &b {{{base}}}\n" + "- {<<: *b}\n" * uses


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "[{a: ", "!!seq ["])
def test_deep_nesting_is_refused(opening: str) -> None:
    (found,) = problems(opening * 100_000)
    assert found[0] == "KV111"


def test_the_depth_bound_is_exact() -> None:
    only("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert problems("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) == [("KV111", 1, MAX_DEPTH + 1)]


def test_depth_counts_through_aliases() -> None:
    chain = "- &a0 [x]\n" + "".join(f"- &a{n} [*a{n - 1}]\n" for n in range(1, 200))
    assert problems(chain) == [("KV111", MAX_DEPTH, 9)]


@pytest.mark.parametrize(
    "text",
    [
        _laughs(60, 9),
        _laughs(8, 60),
        _merges(1000, 200),
        "---\n" + "---\n".join([_laughs(5, 9)] * 99),
    ],
    ids=["deep", "wide", "merges", "many documents"],
)
def test_alias_bombs_are_refused_early(text: str) -> None:
    read(b"a: 1", "warm-up")
    tracemalloc.start()
    found = [code for code, *_ in problems(text)]
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == ["KV112"]
    assert peak < 40_000_000


def test_the_bound_on_aliases_counts_every_key_and_value() -> None:
    anchored = f"- &a [{', '.join(['x'] * 99)}]\n"
    uses = MAX_EXPANDED // 100
    assert problems(anchored + "- *a\n" * uses) == []
    assert problems(anchored + "- *a\n" * (uses + 1)) == [("KV112", uses + 2, 3)]


def test_what_is_written_out_is_not_bound_by_the_bound_on_aliases() -> None:
    data = only("[" + "1, " * (MAX_EXPANDED + 1) + "]").data
    assert isinstance(data, list)
    assert len(data) == MAX_EXPANDED + 1


@pytest.mark.parametrize("start", ["[", "x: ["])
@pytest.mark.parametrize("unit", ["1,", "{a: [b, {c: d}]}, "])
def test_a_list_that_takes_in_a_whole_file_is_refused_early(start: str, unit: str) -> None:
    text = start + unit * ((4_000_000 - len(start)) // len(unit))
    assert problems(text) == [("KV120", 1, len(start))]  # 4 to 9 s where all of it is read


def test_the_bound_on_values_counts_those_within(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_VALUES", 11)
    assert problems("a: [1, 2, [3, 4, {b: c}]]") == []
    assert problems("a: [1, 2, [3, 4, {b: c}], 5]") == [("KV120", 1, 1)]
    assert problems("a: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]") == [("KV120", 1, 4)]
    assert problems("a: [1, 2, 3, 4, 5,  6]\n---\na: [1, 2, 3, 4, 5,  6]\n") == []


def test_what_the_plain_reader_takes_is_never_beyond_the_bound() -> None:
    # a value has two characters at least, so that a text of this size has fewer
    text = "- - 1\n" + "  - 1\n" * (2 * MAX_VALUES // 6 - 10)
    assert len(text) <= 2 * MAX_VALUES
    assert problems(text) == []


def test_an_alias_is_shared_not_copied() -> None:
    data = only("a: &a [1]\nb: *a\n").data
    assert isinstance(data, dict)
    assert data["a"] is data["b"]


@pytest.mark.parametrize("end", ["\n", "\r"])
def test_many_tag_directives_are_refused(end: str) -> None:
    text = "".join(f"%TAG !a{n}! b{end}" for n in range(100_000)) + f"---{end}a: 1{end}"
    assert problems(text) == [("KV117", 101, 1)]


def test_a_few_tag_directives_are_read() -> None:
    text = "".join(f"%TAG !a{n}! b\n" for n in range(100)) + "---\na: '%TAG'\n"
    assert only(text).data == {"a": "%TAG"}


def test_problems_are_bounded() -> None:
    found = problems("- !a\n" * 100_000)
    assert len(found) == MAX_PROBLEMS + 1
    assert {code for code, *_ in found[:-1]} == {"KV109"}
    assert found[-1][0] == "KV118"
