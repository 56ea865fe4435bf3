"""The plain reader gives up, or reads what the full reader reads; never anything else."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvmc.source.pieces import MAX_LEVELS
from kvmc.source.plain import read_plain
from kvmc.source.reader import read, read_with_positions
from kvmc.source.stream import MAX_DEPTH
from tests.support.paths import REPO
from tests.unit.source.test_properties import DATA, YAMLISH, _typed

REAL = tuple(path.read_text() for path in sorted((REPO / "examples").rglob("*.yaml")))
BITS = (
    *"",
    *" -:#,[]{}'\"\n\r\t&*!|>%@`~<=.0aé",
    "\n  ",
    "\n- ",
    ": ",
    " #",
    "---\n",
    "''",
    "\\n",
    "a: ",
)


def _agrees(text: str) -> bool:
    """Whether the plain reader took the text; where it did, both must say the same."""
    plain = read_plain(text, "f")
    if plain is None:
        return False
    full = read_with_positions(text, "f")
    assert full.diagnostics == ()
    documents = full.value or ()
    assert [_typed(d.data) for d in plain] == [_typed(d.data) for d in documents]
    assert [(d.file, d.index, d.text) for d in plain] == [
        (d.file, d.index, d.text) for d in documents
    ]
    return True


@given(YAMLISH)
@settings(max_examples=500)
def test_any_text(text: str) -> None:
    _agrees(text)


@given(DATA)
def test_what_pyyaml_writes(data: object) -> None:
    _agrees(yaml.safe_dump(data, allow_unicode=False))


def test_every_golden_and_example_and_most_of_them_are_plain() -> None:
    files = [p for f in ("tests/golden", "examples") for p in sorted((REPO / f).rglob("*.yaml"))]
    took = [_agrees(path.read_bytes().decode(errors="replace")) for path in files]
    assert len(took) > 100
    assert 0.6 < sum(took) / len(took) < 1


INDENT = st.sampled_from(["", "", " ", "  ", "  ", "    "])
DASH = st.sampled_from(["", "", "", "- ", "-  ", "-", "- - "])
KEY = st.sampled_from(["", "a: ", "b: ", "c:", "c.d-e: ", "1: ", "true: ", "a :", "'q': ", "a:b: "])
WORDS = r"""
 x|x y|x  y|0-3,8|12|010|0x1F|1.5|~|null|on|1:30|a:b|a:|Xeon(R) CPU @ 2GHz|qemu:///system|.5|-1
'it'|'a''b'|"a # b"|"\u0041"|"\u00e9"|"x" "y"|+1|>-|-|- x|*a|&a x|!t x|? x|x: y|--- x|%x|@x|`x
[]|[a, 'b']|[a,b]|[a b, c]|[a, ]|[a: b]|[a, -1]|[[0, 28],\n [1]]|[1,\n    2]|[|]|,|,x|x,|x#y|#x
{}|{a: 1}|{a: 1, a: 2}|{a: [b], c: {}}|{a:1}|{a: }|{a}|{a: b:c}|{a: 'b'\n  }|{|}|...|=|<<|\tx|x\ty
"""
WORD = st.sampled_from(
    ["", "|", *(w.replace("\\n", "\n").replace("\\t", "\t") for w in re.split("[|\n]", WORDS))]
)
END = st.sampled_from(
    ["\n", "\n", "\n", " \n", " # c\n", "# c\n", "\n\n", "\n# c\n", "\n---\n", "\r\n", ""]
)
LINES = st.lists(st.tuples(INDENT, DASH, KEY, WORD, END).map("".join), max_size=7).map("".join)


@given(LINES)
@settings(max_examples=800)
@example("a:\n- b:\n  - c\n- d\n")
@example("a: x\n  y\n")
@example("a: x\n  b: y\n")
@example("# a\rb: 1\nc: 2\n")
def test_lines_of_all_kinds(text: str) -> None:
    _agrees(text)


@given(st.data())
@settings(max_examples=300)
def test_real_files_with_something_changed(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(REAL))
    where = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 3))
    _agrees(text[:where] + data.draw(st.sampled_from(BITS)) + text[where + cut :])


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n---\nb:\n- {c: [d]}\n",
        "# c\n---\n# d\na: 1",
        "1: a\n2: b\nx1: c\n",
        "a: 'x'\nb: \"é # x\" # y\n",
        "a:\n- b:\n  - c\n  d:\n    - e\n- f\ng: # h\n",
        "a: [[0, 28],\n    [1, 29]] # b\n",
        "a: {b: 'c', d: [], e: {f: g h}}\n",
        "a: x:y, z @ 1\n",
        "a: " + "[" * MAX_LEVELS + "]" * MAX_LEVELS,
    ],
)
def test_it_takes(text: str) -> None:
    assert _agrees(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "a",
        "- a\n",
        "{a: 1}",
        "a: 1\n---\n---\nb: 1\n",
        "a: 1\n---\n",
        "a: &x 1",
        "a: &x [1]",
        "a: &x 1\nb: *x\n",
        "a: !!str 1",
        "a: !!map {}",
        "<<: {a: 1}",
        "a: 1\na: 2\n",
        "a: {b: 1, b: 2}",
        "1: a\n0x1: b\n",
        "'1': a\n1: b\n",
        "true: a",
        "1.5: a",
        "null: a",
        "{a: 1}: b",
        "? [a]\n: b\n",
        'a: "\\x00"',
        "a: [",
        "a: 1\n b: 2\n",
        "a: |\n  b\n",
        "a: b\n  c\n",
        "a: 1\r\nb: 2\r\n",
        "a:\n  b: [1,\n  2]\n",
        "a: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        "".join(f"{' ' * n}a:\n" for n in range(MAX_DEPTH + 1)),
    ],
)
def test_it_leaves_to_the_full_reader(text: str) -> None:
    assert read_plain(text, "f") is None


def test_positions_are_read_when_somebody_asks() -> None:
    text = "# a comment\na:\n  b: [x, y]\n---\nc: 1\n"
    plain = read(text.encode(), "f").value or ()
    full = read_with_positions(text, "f").value or ()
    assert [d.root for d in plain] == [None, None]
    for one, other in zip(plain, full, strict=True):
        for pointer in ("", "/a", "/a/b", "/a/b/1", "/c", "/nothing"):
            assert one.locate(pointer) == other.locate(pointer)
            assert one.locate(pointer, key=True) == other.locate(pointer, key=True)


def test_many_names_that_end_in_digits_take_linear_time() -> None:
    # Two keys are one where a number and a text look alike; that must not compare each with all.
    text = "".join(f"vm-{n}: {n}\n" for n in range(50_000))
    (document,) = read(text.encode(), "f").value or ()
    assert document.root is None
    assert len(document.data) == 50_000  # type: ignore[arg-type]
