"""The tables of `kvmc ps`."""

from __future__ import annotations

import pytest

from kvmc.cpuset import CpuSet
from kvmc.report.ps import cpu_table, guests_table
from kvmc.report.style import Style
from kvmc.runtime.identity import Role
from kvmc.runtime.ps import Row, Seen

ALLOWED = CpuSet.parse("0-3,8-11,16-19,24-27")


def _seen(vcpu: int) -> Seen:
    return Seen(
        process=500,
        thread=510 + vcpu,
        program="db",
        by="libvirt",
        role=Role(kind="vcpu", name=str(vcpu)),
        kernel=False,
        allowed=ALLOWED,
        pinned=True,
        cpu=2,
        policy="other",
    )


ROWS = (Row(seen=_seen(0), others=(_seen(1),)), Row(seen=_seen(1), others=(_seen(0),)))


def test_a_thread_without_company_leaves_the_column_there() -> None:
    head, line = guests_table((Row(seen=_seen(0), others=()),), Style()).splitlines()
    assert head.endswith("SHARES THAT CPU WITH")
    assert line.split() == ["db", "libvirt", "vCPU", "0", "510", str(ALLOWED), "2"]


@pytest.mark.parametrize("room", [70, 76])
def test_tables_are_folded_to_the_terminal_and_to_nothing_else(room: int) -> None:
    for text in (guests_table(ROWS, Style(), room), cpu_table((_seen(0),), Style(), room)):
        assert max(map(len, text.splitlines())) <= room
    assert len(guests_table(ROWS, Style(), room).splitlines()) > len(ROWS) + 1
    assert len(guests_table(ROWS, Style()).splitlines()) == len(ROWS) + 1


def test_nothing_is_no_table() -> None:
    assert guests_table((), Style()) == cpu_table((), Style()) == ""
