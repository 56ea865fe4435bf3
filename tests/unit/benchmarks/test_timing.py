"""Clocks: what takes too long is cut off, and what is short is measured finely."""

from __future__ import annotations

import math
import time

import pytest
from benchmarks.timing import TooSlowError, cpu_seconds, limit, median


def _spin() -> None:
    while True:
        math.factorial(10)


def test_a_call_that_works_for_too_long_is_cut_off() -> None:
    with pytest.raises(TooSlowError), limit(0.05):
        _spin()


def test_waiting_is_no_work() -> None:
    with limit(0.05):
        time.sleep(0.2)


def test_a_short_call_takes_a_time_under_a_limit_too() -> None:
    """Ten calls of some 10 µs: in ticks of 4 ms most of them would take none."""
    with limit(5.0):
        measured = [cpu_seconds(lambda: math.factorial(200)) for _ in range(10)]
    assert all(taken > 0.0 for taken, _ in measured)
    assert {value for _, value in measured} == {math.factorial(200)}


def test_the_median_of_nothing_is_no_number() -> None:
    assert math.isnan(median([]))
    assert median([3.0, 1.0, 2.0]) == 2.0
