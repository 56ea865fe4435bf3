"""What is accepted, what is refused, and where the problem is said to be."""

from __future__ import annotations

import pytest
import yaml

from kvmc.source import reader, stream
from kvmc.source.reader import read
from tests.unit.source.reading import only, problems, said


@pytest.fixture(autouse=True, params=["plain", "c", "python"])
def _all_readers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "plain":
        monkeypatch.setattr(reader, "read_plain", lambda *_: None)
    if request.param == "python":
        monkeypatch.setattr(stream, "open_parser", yaml.SafeLoader)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML was built without libyaml")


def test_data_is_plain() -> None:
    document = only('a: [1, 2.5, yes, "3", ~]\n0: {b: true}\nc: |\n  text\n')
    assert document.data == {"a": [1, 2.5, "yes", "3", None], 0: {"b": True}, "c": "text\n"}
    assert (document.file, document.index) == ("vm.yaml", 0)


def test_several_documents_keep_their_index() -> None:
    outcome = read(b"---\na: 1\n---\n---\nb: 2\n...\n", "f")
    assert [(d.index, d.data) for d in outcome.value or ()] == [(0, {"a": 1}), (2, {"b": 2})]
    assert [(d.code, d.place and d.place.document) for d in outcome.diagnostics] == [("KV106", 1)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_any_line_end_are_fine(end: str) -> None:
    document = only(f"\ufeffa: 1{end}b: 2{end}")
    assert document.data == {"a": 1, "b": 2}
    assert document.line(2) == "b: 2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("KV105", 1, 1)),
        ("# only this\n\n", ("KV105", 1, 1)),
        ("---\n", ("KV106", 1, 1)),
        ("a: 1\n---\n# nothing\n", ("KV106", 2, 1)),
        ("a: 1\nb: 2\na: 3\n", ("KV107", 3, 1)),
        ('0: 1\n"0": 2\n', ("KV107", 2, 1)),
        ("{a: 1, a: 1}", ("KV107", 1, 8)),
        ("a: {<<: {b: 1}, <<: {c: 1}}", ("KV107", 1, 17)),
        ("? [a]\n: 1\n", ("KV108", 1, 3)),
        ("{a: b}: 1\n", ("KV108", 1, 1)),
        ("null: 1\n", ("KV108", 1, 1)),
        ("1.5: 1\n", ("KV108", 1, 1)),
        ("true: 1\n", ("KV108", 1, 1)),
        ("a: !foo b\n", ("KV109", 1, 4)),
        ("a: !!binary b\n", ("KV109", 1, 4)),
        ("a: !!set {b}\n", ("KV109", 1, 4)),
        ("a: !!timestamp 2001-12-14\n", ("KV109", 1, 4)),
        ("a: !!python/object/apply:os.getcwd []\n", ("KV109", 1, 4)),
        ("a: !!merge b\n", ("KV109", 1, 4)),
        ("a: !!int 010\n", ("KV110", 1, 4)),
        ("a: !!bool yes\n", ("KV110", 1, 4)),
        ("a: !!str [b]\n", ("KV110", 1, 4)),
        ("a: !!map b\n", ("KV110", 1, 4)),
        ("a: *b\n", ("KV113", 1, 4)),
        ("*b : a\n", ("KV113", 1, 1)),
        ("a: &b 1\n---\nc: *b\n", ("KV113", 3, 4)),
        ("a: &b [*b]\n", ("KV114", 1, 8)),
        ("a: &b 1\nc: &b 2\n", ("KV115", 2, 4)),
        ("a:\n  <<: 1\n", ("KV116", 2, 7)),
        ("a:\n  <<: [{b: 1}, c]\n", ("KV116", 2, 16)),
        ("a:\n  <<:\n", ("KV116", 2, 6)),
    ],
)
def test_one_problem_at_its_place(text: str, expected: tuple[str, int, int]) -> None:
    assert problems(text) == [expected]


def test_all_problems_of_a_file_are_found() -> None:
    text = "a: 1\na: !x 2\nb: {c: 1, c: *y}\n---\nd: 1\nd: 2\n---\ne: [\n"
    codes = [code for code, _line, _column in problems(text)]
    assert codes == ["KV107", "KV109", "KV107", "KV113", "KV107", "KV104"]


def test_problems_above_a_syntax_error_are_found() -> None:
    assert [code for code, *_ in problems("a: 1\na: 2\nb: @\n")] == ["KV107", "KV104"]


def test_the_documents_before_a_syntax_error_stay() -> None:
    outcome = read(b"a: 1\n---\nb: [\n", "f")
    assert [d.data for d in outcome.value or ()] == [{"a": 1}]
    assert [(d.code, d.place and d.place.document) for d in outcome.diagnostics] == [("KV104", 1)]


def test_the_first_of_double_keys_counts_and_the_hint_names_its_line() -> None:
    outcome = read(b"a: 1\n\na: 2\n", "f")
    assert [d.data for d in outcome.value or ()] == [{"a": 1}]
    assert "line 1" in (outcome.diagnostics[0].hint or "")


def test_core_tags_are_read() -> None:
    text = "[!!str 010, !!int 3, !!float 3, !!null ~, !!bool true, !!seq [], !!map {}, ! 7]"
    assert only(text).data == ["010", 3, 3.0, None, True, [], {}, "7"]


def test_a_tag_of_yaml_itself_under_another_handle_is_the_same_tag() -> None:
    assert only("%TAG !y! tag:yaml.org,2002:\n---\n!y!str 1\n").data == "1"


def test_merge_keys() -> None:
    text = "base: &b {x: 1, y: 2}\none: {<<: *b, x: 9}\ntwo: {x: 9, <<: [{y: 7, z: 8}, *b]}\n"
    assert only(text).data == {
        "base": {"x": 1, "y": 2},
        "one": {"x": 9, "y": 2},
        "two": {"x": 9, "y": 7, "z": 8},
    }


def test_a_quoted_merge_key_is_a_key() -> None:
    assert only('"<<": 1\n').data == {"<<": 1}


def test_a_merged_key_gives_way_to_the_same_key_of_another_type() -> None:
    assert only('{<<: {0: a}, "0": b}').data == {"0": "b"}


def test_an_alias_may_be_a_key() -> None:
    assert only("a: &k b\n*k : 1\n").data == {"a": "b", "b": 1}


def test_the_python_limit_on_long_numbers_is_not_met() -> None:
    digits = "9" * 100_000
    assert only(f"a: {digits}\n? {digits}\n: 1\n").data == {"a": digits, digits: 1}


@pytest.mark.parametrize("escape", ["\\0", "\\x1b", "\\u2028", "\\N", "\\uFFFE"])
def test_escapes_do_not_bring_control_characters_in(escape: str) -> None:
    assert problems(f'a: "x{escape}"\n') == [("KV103", 1, 4)]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a:\n\tb: 1\n", (2, 1), "tab"),
        ("a:\n  b: 1\n\tc: 2\n", (3, 1), "tab"),
        ('a: "x\nb: 1\n', (1, 4), "never closed"),
        ("a: 'x\n---\n", (2, 1), "opened on line 1"),
        ("a: [1, 2\n# end\n", (1, 4), "'[' that opens here"),
        ("a: [1, \n", (2, 1), "still open at the end"),
        ("a: {b: 1\n", (1, 4), "'{' that opens here"),
        ("a: [1, 2\nb: 3\n", (2, 2), "opened on line 1"),
        ("a: {b: 1\nc: 2\n", (2, 2), "opened on line 1"),
        ("a: b: c\n", (1, 5), "':' cannot stand here"),
        ("a: 1\n  b: 2\n", (2, 4), "':' cannot stand here"),
        ("a: 1\nfoo\nb: 2\n", (2, 1), "no ':'"),
        ("a:\n  b: 1\n cat: 2\n", (3, 2), "'cat' does not continue the mapping"),
        ("a: 'b' c\n", (1, 8), "'c' does not continue the mapping"),
        ("- a\nb: 1\n", (2, 1), "'b' does not continue the list"),
        (": 1\n", (1, 1), "no key"),
        ("{: 1}\n", (1, 2), "no key"),
        ("a: @b\n", (1, 4), "cannot start with '@'"),
        ("a: %b\n", (1, 4), "cannot start with '%'"),
        ("a: ]\n", (1, 4), "before ']'"),
        ("a: - b\n", (1, 4), "list item"),
        ("a: ? b\n", (1, 4), "'?'"),
        ("a: &\n", (1, 5), "name after"),
        ("a: !x!y z\n", (1, 4), "tag"),
        ("a: b\n... c\n", (2, 5), "'---'"),
        ("%YAML 2.0\n---\na: 1\n", (1, 1), "YAML version"),
        ("a: |x\n b\n", (1, 5), "end of the line"),
    ],
)
def test_syntax_errors_in_friendly_words(text: str, place: tuple[int, int], words: str) -> None:
    assert problems(text) == [("KV104", *place)]
    assert words in said(text)[0]
    for jargon in ("token", "scalar", "stream", "node", "block"):
        assert jargon not in said(text)[0]


def test_a_wrong_escape_is_a_syntax_error() -> None:
    for escape in ("\\q", "\\x0", "\\U00110000", "\\ud800"):
        (problem,) = read(f'a: "{escape}"'.encode(), "f").diagnostics
        assert problem.code in {"KV103", "KV104"}
