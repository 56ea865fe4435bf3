"""Bytes to text, and lines for carets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmc.source.document import text_lines
from kvmc.source.text import MAX_BYTES, decode
from tests.unit.source.reading import problems


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_other_encodings_are_named(encoding: str) -> None:
    assert problems("kvmc: v1\n".encode(encoding)) == [("KV102", 1, 1)]


def test_the_place_of_a_bad_byte_counts_characters() -> None:
    assert problems("a: 1\r\nb: é".encode() + b"\xe9\n") == [("KV102", 2, 5)]


def test_control_characters_are_reported_once_a_line() -> None:
    text = b"a: \x00\x00\nb: \x1b\r\nc: \x7f\rd: \xc2\x85\ne: \xe2\x80\xa8 \xef\xbb\xbf\n"
    assert problems(text) == [("KV103", line, 4) for line in (1, 2, 3, 4, 5)]


def test_the_size_bound_is_exact() -> None:
    assert decode(b"#" * MAX_BYTES, "f").value is not None
    assert problems(b"#" * (MAX_BYTES + 1)) == [("KV101", 1, 1)]


def test_noise_is_not_reported_line_by_line_for_ever() -> None:
    found = problems(b"\x01\n" * 100_000)
    assert len(found) == 1001
    assert found[-1][0] == "KV118"


def test_lines_for_carets_keep_columns_and_lose_control_characters() -> None:
    raw = b"\xef\xbb\xbfa:\t\x1b[31m\x00\r\nb: \xc3\xa9\xe9\n"
    assert text_lines(raw) == ("a:\t\ufffd[31m\ufffd", "b: é\ufffd", "")


@given(st.binary())
def test_lines_of_any_bytes_can_be_shown(raw: bytes) -> None:
    lines = text_lines(raw)
    assert len(lines) >= 1
    assert not set("\n\r\x1b\x00") & set("".join(lines))
