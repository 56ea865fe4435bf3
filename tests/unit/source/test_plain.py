"""The plain reader gives up, or reads what the full reader reads; never anything else."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings

from kvmc.source.plain import read_plain
from kvmc.source.reader import read, read_with_positions
from kvmc.source.stream import MAX_DEPTH
from tests.support.paths import REPO
from tests.unit.source.test_properties import DATA, YAMLISH, _typed


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


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n---\n- b\n- {c: [d]}\n",
        "1: a\n2: b\n'x1': c\n",
        "{a: [], b: {}}",
        "a: 'x'\nb: \"\\u00e9\"\n",
        "[" * MAX_DEPTH + "]" * MAX_DEPTH,
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
        "a: 1\n---\n---\nb: 1\n",
        "a: &x 1",
        "a: &x [1]",
        "a: &x 1\nb: *x\n",
        "a: !!str 1",
        "a: !!map {}",
        "<<: {a: 1}",
        "a: 1\na: 2\n",
        "1: a\n'1': b\n",
        "'1': a\n1: b\n",
        "true: a",
        "1.5: a",
        "null: a",
        "{a: 1}: b",
        "? [a]\n: b\n",
        'a: "\\x00"',
        "a: [",
        "a: 1\n b: 2\n",
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
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
