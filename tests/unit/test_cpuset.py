"""Laws of CpuSet."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmc.cpuset import EMPTY, MAX_CPU_ID, CpuSet, CpuSetError, from_mask, span, union

ids = st.integers(min_value=0, max_value=300)
id_sets = st.frozensets(ids, max_size=40)


@given(id_sets)
def test_parse_undoes_str(of: frozenset[int]) -> None:
    assert CpuSet.parse(str(CpuSet(of))) == CpuSet(of)


@given(id_sets)
def test_the_kernel_form_is_sorted_and_joins_what_is_adjacent(of: frozenset[int]) -> None:
    text = str(CpuSet(of))
    assert re.fullmatch(r"(\d+(-\d+)?(,\d+(-\d+)?)*)?", text)
    bounds = [int(bound) for item in text.split(",") if item for bound in item.split("-")]
    assert bounds == sorted(set(bounds))
    runs = list(CpuSet(of).ranges())
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(runs))


@given(id_sets, id_sets)
def test_the_algebra_is_that_of_python_sets(a: frozenset[int], b: frozenset[int]) -> None:
    assert set(CpuSet(a) | CpuSet(b)) == a | b
    assert set(CpuSet(a) & CpuSet(b)) == a & b
    assert set(CpuSet(a) - CpuSet(b)) == a - b
    assert set(union([CpuSet(a), CpuSet(b), EMPTY])) == a | b
    assert CpuSet(a).isdisjoint(CpuSet(b)) == a.isdisjoint(b)


@given(id_sets, id_sets)
def test_comparisons_are_those_of_python_sets(a: frozenset[int], b: frozenset[int]) -> None:
    assert (CpuSet(a) == CpuSet(b)) == (a == b)
    assert (CpuSet(a) <= CpuSet(b)) == (a <= b)
    assert (CpuSet(a) < CpuSet(b)) == (a < b)
    assert (CpuSet(a) >= CpuSet(b)) == (a >= b)
    assert (CpuSet(a) > CpuSet(b)) == (a > b)


@given(id_sets, ids)
def test_size_membership_and_order_are_those_of_python_sets(of: frozenset[int], cpu: int) -> None:
    assert len(CpuSet(of)) == len(of)
    assert bool(CpuSet(of)) == bool(of)
    assert (cpu in CpuSet(of)) == (cpu in of)
    assert list(CpuSet(of)) == sorted(of)


@given(st.lists(ids))
def test_equal_sets_hash_equally(of: list[int]) -> None:
    assert hash(CpuSet(of)) == hash(CpuSet(reversed(of)))


@given(id_sets.filter(bool))
def test_first_is_the_minimum(of: frozenset[int]) -> None:
    assert CpuSet(of).first == min(of)


@given(id_sets, id_sets)
def test_exclusions_hold_wherever_they_stand(of: frozenset[int], without: frozenset[int]) -> None:
    items = [*(f"^{cpu}" for cpu in sorted(of & without)), *map(str, sorted(of))]
    for text in (",".join(items), ",".join(reversed(items))):
        assert set(CpuSet.parse(text)) == of - without


@given(id_sets)
def test_a_mask_in_words_reads_as_the_set(of: frozenset[int]) -> None:
    bits = sum(1 << cpu for cpu in of)
    words = [f"{bits >> shift & 0xFFFFFFFF:08x}" for shift in range(288, -1, -32)]
    assert set(CpuSet.parse_mask(",".join(words))) == of
    hwloc = [f"0x{word}" if int(word, 16) else "" for word in words]
    assert set(CpuSet.parse_mask(",".join(["0x0", *hwloc]))) == of


@given(st.text(alphabet="0123456789-,^ x\n", max_size=20) | st.text(max_size=20))
def test_any_text_is_a_set_or_a_cpuset_error(text: str) -> None:
    for read in (CpuSet.parse, CpuSet.parse_mask):
        with suppress(CpuSetError):
            assert isinstance(read(text), CpuSet)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("3-1", "backwards"),
        ("0-65536", "above 65535"),
        ("0,,1", "is no CPU"),
        ("010", "is no CPU"),
        ("-1", "is no CPU"),
        ("0x3", "is no CPU"),
        ("\u0663", "is no CPU"),
        ("0-3,^8", "^8 excludes what is not included"),
    ],
)
def test_what_is_no_set_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(CpuSetError, match=re.escape(says)):
        CpuSet.parse(text)


@pytest.mark.parametrize(
    "text", ["", "0xf...f", "0xf...f,0x1", "00000000ff", "g", ",1", "1" + "," * 10**6]
)
def test_what_is_no_mask_is_refused(text: str) -> None:
    with pytest.raises(CpuSetError):
        CpuSet.parse_mask(text)


def test_blank_text_is_the_empty_set() -> None:
    assert CpuSet.parse(" \n") == EMPTY
    assert str(EMPTY) == ""


def test_the_highest_id_is_accepted() -> None:
    assert CpuSet.parse(str(MAX_CPU_ID)).first == MAX_CPU_ID


def test_the_empty_set_has_no_first() -> None:
    with pytest.raises(ValueError, match="empty"):
        _ = EMPTY.first


def test_no_negative_cpu_is_in_a_set() -> None:
    assert -1 not in CpuSet([0, 1])


@given(id_sets)
def test_a_mask_is_the_set(of: frozenset[int]) -> None:
    assert from_mask(CpuSet(of).mask) == CpuSet(of)


@given(st.integers(min_value=0, max_value=300), st.integers(min_value=0, max_value=300))
def test_a_run_is_read_like_any_other_set(start: int, length: int) -> None:
    run = CpuSet(range(start, start + length))
    assert list(run) == list(range(start, start + length))
    assert run == span(start + length) - span(start)
