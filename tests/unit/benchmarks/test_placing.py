"""What the figures of fleets say of the targets, and who is compared with whom."""

from __future__ import annotations

import pytest
from benchmarks import fleets, placing, verdicts
from benchmarks.cases import Case
from benchmarks.exact import Optimum
from benchmarks.measure import Result, Trial
from benchmarks.page import DOT
from msgspec.structs import replace

FLEET = fleets.uniform("2x14x2", 1.0, 1)
ALL = FLEET.vcpus


def _result(seconds: float, *, placed: int = ALL, booking: float = 0.0) -> Result:
    return Result(placed=placed, shared=0, seconds=seconds, booking=booking)


TRIAL = Trial(
    fleet=FLEET,
    kvmc=_result(0.1),
    spread=_result(2.0, booking=1.0),
    pack=_result(1.5, placed=ALL // 2, booking=4.0),
    best=Optimum(placed=ALL, placed_proven=True, shared=10, shared_proven=True),
)


def _case(*trials: Trial, kind: str = "uniform", shape: str = "2x14x2", load: float = 1.0) -> Case:
    return Case(shape=shape, kind=kind, load=load, trials=trials)


def test_nova_is_the_faster_of_its_strategies_with_its_booking_and_without() -> None:
    case = _case(TRIAL)
    assert case.faster(booking=False) == pytest.approx(15.0)
    assert case.faster(booking=True) == pytest.approx(30.0)


def test_a_target_is_held_against_the_fit_alone_and_names_both() -> None:
    target = verdicts.pace_target("2x14x2", [_case(TRIAL)])
    assert target.met
    assert target.measured == "15.0x, median 15.0x (with Nova's booking 30.0x, median 30.0x)"
    slow = replace(TRIAL, kvmc=_result(0.2))
    missed = verdicts.pace_target("2x14x2", [_case(TRIAL), _case(slow)])
    assert not missed.met
    assert missed.reason.startswith("1 of 2 kinds of fleets; ")
    assert "calls a VM" in missed.reason


def test_without_nova_no_pace_is_met() -> None:
    target = verdicts.pace_target("2x14x2", [_case(replace(TRIAL, spread=None, pack=None))])
    assert not target.met
    assert target.measured == "Nova is not installed"


@pytest.mark.parametrize(
    ("kvmc", "words"),
    [
        (_result(0.1, placed=ALL - 1), "1 of uniform on 2x14x2 at 100 %"),
        (replace(_result(0.1, placed=0), late=True), "1 of uniform on 2x14x2 at 100 %; 1 took"),
        (replace(_result(0.1), crash="ValueError()"), "crashed with `ValueError()`"),
    ],
)
def test_a_fleet_that_is_not_whole_is_named(kvmc: Result, words: str) -> None:
    assert verdicts.all_whole([_case(TRIAL)]).met
    target = verdicts.all_whole([_case(TRIAL, replace(TRIAL, kvmc=kvmc))])
    assert not target.met
    assert target.reason.startswith(words)


def test_an_overfull_fleet_need_not_be_whole_but_as_full_as_can_be() -> None:
    part = replace(TRIAL, kvmc=_result(0.1, placed=ALL - 1))
    case = _case(part, kind="overfull")
    assert verdicts.all_whole([case]).met
    assert not verdicts.as_much([case]).met


@pytest.mark.parametrize(
    ("shared", "proven", "met"), [(10, True, True), (11, True, False), (11, False, True)]
)
def test_shared_cores_are_held_against_what_is_proven(shared: int, proven: bool, met: bool) -> None:
    assert TRIAL.best is not None
    trial = replace(
        TRIAL,
        kvmc=replace(TRIAL.kvmc, shared=shared),
        best=replace(TRIAL.best, shared_proven=proven),
    )
    assert verdicts.as_shared([_case(trial)]).met is met


def test_tables_have_a_row_for_each_kind_and_a_column_for_each_host() -> None:
    text = placing._matrix([_case(TRIAL)], placing._whole)  # noqa: SLF001
    lines = text.splitlines()
    assert len(lines) == 2 + len(fleets.FAMILIES)
    assert lines[2] == "| uniform |  | 100 · 100 · 0 |  |  |  |".replace(" · ", DOT)


def test_the_large_fleets_are_those_of_100_to_180_vms() -> None:
    big = fleets.FAMILIES["mixed policies"]("8x56x2", 1.0, 0)
    assert 100 <= len(big.vms) <= 180
    quick = replace(TRIAL, fleet=big, kvmc=_result(99e-6))
    slow = replace(quick, kvmc=replace(_result(0.02), late=True))
    case = _case(quick, kind="mixed policies", shape="8x56x2")
    assert all(target.met for target in verdicts.large_targets([case]))
    case = _case(slow, slow, quick, kind="mixed policies", shape="8x56x2")
    whole, easy = verdicts.large_targets([case])
    assert not whole.met
    assert whole.measured.startswith("1 of 3")
    assert not easy.met
