"""Laws of sizes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmc.units import SIZE_PATTERN, UNITS, SizeError, format_kib, parse_kib, rounded_kib


@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_parse_undoes_format(kib: int) -> None:
    assert parse_kib(format_kib(kib)) == kib


@given(st.integers(min_value=0, max_value=10**6), st.sampled_from(UNITS))
def test_the_shortest_form_keeps_the_size(count: int, unit: str) -> None:
    kib = parse_kib(f"{count}{unit}")
    assert parse_kib(format_kib(kib)) == kib
    assert re.match(SIZE_PATTERN, format_kib(kib))


@given(st.integers(min_value=1, max_value=10**6), st.sampled_from(["KB", "MB", "GB", "TB"]))
def test_powers_of_1000_are_rounded_up_to_whole_kib(count: int, unit: str) -> None:
    size = count * 1000 ** (1 + ["KB", "MB", "GB", "TB"].index(unit))
    kib = parse_kib(f"{count}{unit}")
    assert (kib - 1) * 1024 < size <= kib * 1024


@pytest.mark.parametrize(
    ("text", "kib"),
    [("32GiB", 33554432), ("512MiB", 524288), ("1TiB", 2**30), ("1KB", 1), ("1025KB", 1001)],
)
def test_a_size_is_in_kib(text: str, kib: int) -> None:
    assert parse_kib(text) == kib


@pytest.mark.parametrize(
    ("kib", "text"),
    [(33554432, "32GiB"), (1536 * 1024, "1536MiB"), (2**30, "1TiB"), (1, "1KiB"), (0, "0KiB")],
)
def test_a_size_is_written_in_its_largest_exact_unit(kib: int, text: str) -> None:
    assert format_kib(kib) == text


@pytest.mark.parametrize(
    ("kib", "text"),
    [
        (67108864, "64GiB"),
        (65888256, "62.8GiB"),
        (2**31 + 2**20, "2049GiB"),
        (2**30, "1TiB"),
        (2**20 + 100, "1.0GiB"),
        (524288, "512MiB"),
        (700000, "684MiB"),
        (700, "700KiB"),
        (0, "0KiB"),
    ],
)
def test_a_size_to_read_is_short(kib: int, text: str) -> None:
    assert rounded_kib(kib) == text


@pytest.mark.parametrize(
    "text", ["", "32", "32 GiB", "32gib", "032GiB", "-1GiB", "1.5GiB", "1e3GiB", "32G", "32GiB\n"]
)
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SizeError, match="32GiB"):
        parse_kib(text)
