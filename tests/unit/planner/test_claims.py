"""Pins by number: what two VMs may have of one core, as a table (docs/planner.md, rule 9)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kvmc.cpuset import EMPTY
from kvmc.planner.claims import Claim, clash
from tests.property.hosts import synthetic
from tests.unit.planner.fleet import cpus

HOST = synthetic("node:1 l3:1 core:2 pu:2")
"""Cores 0+2 and 1+3."""
CORE = (0, 2)


def _claim(dedicated: str = "", floating: str = "", *, prefers: bool = False) -> Claim:
    return Claim(
        name="a" if dedicated else "b",
        prefers=prefers,
        dedicated=cpus(dedicated),
        floating=cpus(floating),
    )


@pytest.mark.parametrize(
    ("one", "other", "sharing", "named"),
    [
        (_claim("0"), _claim("0"), "never", "0"),
        (_claim("0"), _claim("2"), "never", "0,2"),
        (_claim("0"), _claim("2"), "allow", "0,2"),
        (_claim("0", prefers=True), _claim("2"), "allow", "0,2"),
        (_claim("0", prefers=True), _claim("2", prefers=True), "never", "0,2"),
        (_claim("0", prefers=True), _claim("2", prefers=True), "allow", ""),
        (_claim("0", prefers=True), _claim("0", prefers=True), "allow", "0"),
        (_claim("0"), _claim("1"), "never", ""),
        (_claim("0"), _claim(floating="0"), "never", "0"),
        (_claim("0"), _claim(floating="2"), "never", "0,2"),
        (_claim("0", prefers=True), _claim(floating="2", prefers=True), "allow", "0,2"),
        (_claim(floating="0,2"), _claim(floating="0,2"), "never", ""),
        (_claim("1"), _claim("3"), "never", ""),
    ],
)
def test_what_two_vms_may_have_of_one_core(
    one: Claim, other: Claim, sharing: str, named: str
) -> None:
    host = synthetic("node:1 l3:1 core:2 pu:2", core_sharing=sharing)
    assert str(clash(CORE, one, other, host)) == named
    assert clash(CORE, one, other, host) == clash(CORE, other, one, host)


def test_on_a_core_of_the_shared_set_others_may_float_beside_a_pin() -> None:
    host = replace(HOST, policy=replace(HOST.policy, shared=cpus("0")))
    assert clash(CORE, _claim("2"), _claim(floating="0"), host) == EMPTY
    assert clash(CORE, _claim("2"), _claim("0"), host) == cpus("0,2")
