"""The terminal map."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.report.hostmap import draw
from kvmc.report.style import Style
from tests.property.hosts import SHAPES, synthetic
from tests.unit.report.plans import floating, plan, vm

PLAIN = Style(False)


def test_a_small_host() -> None:
    host = synthetic("node:2 l3:1 core:3 pu:2", reserved=CpuSet([0, 6]), shared=CpuSet([1, 7]))
    host = replace(host, offline=CpuSet([12]), isolated=CpuSet([3]))
    drawn = draw(host, plan(host, vm("db", "3,9"), vm("web", "4")), PLAIN, 120)
    assert drawn == (
        "synthetic · 6 cores, 12 CPUs\n"
        "socket 0, node 0 (64GiB)\n"
        "L3 0\n"
        "   0 r   1 s   2 .\n"
        "   6 r   7 s   8 .\n"
        "socket 1, node 1 (64GiB)\n"
        "L3 1\n"
        "   3 A   4 B   5 .\n"
        "   9 A  10 ~  11 .\n"
        "A db (2)   B web (1)   r reserved (2)   s shared (2)   ~ stranded: its core is taken (1)"
        "   . free (4)\n"
        "isolated at boot: 3\n"
        "offline: 12\n"
    )


def test_one_is_no_plural() -> None:
    assert draw(synthetic("core:1 pu:1"), None, PLAIN, 80).startswith("synthetic · 1 core, 1 CPU\n")


@pytest.mark.parametrize("width", [40, 100])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_cpu_stands_once_and_inside_the_width(shape: str, width: int) -> None:
    host = synthetic(shape)
    drawn = draw(host, None, PLAIN, width)
    rows = [line for line in drawn.splitlines()[1:] if line.startswith("  ")]
    ids = [int(word) for row in rows for word in row.split() if word.isdigit()]
    assert sorted(ids) == list(host.online)
    assert max(map(len, rows)) <= width


def test_a_cache_wider_than_the_terminal_is_drawn_in_equal_parts() -> None:
    drawn = draw(synthetic("core:14 pu:2"), None, PLAIN, 80).splitlines()
    numbers = [[int(word) for word in line.split() if word.isdigit()] for line in drawn]
    assert [drawn[2], drawn[5]] == ["L3 0", "L3 0, continued"]
    assert [numbers[n] for n in (3, 4, 6, 7)] == [
        [*range(7)], [*range(14, 21)], [*range(7, 14)], [*range(21, 28)],
    ]  # fmt: skip


def test_names_never_steer_the_terminal() -> None:
    host = replace(synthetic("core:2"), name="h\x1b[31m", model="m\x07")
    drawn = draw(host, plan(host, vm("a\x1b[0m", "0")), PLAIN, 100)
    assert "\x1b" not in drawn
    assert "\x07" not in drawn


def test_pins_that_float_have_their_own_sign() -> None:
    host = synthetic("core:2 pu:2")
    drawn = draw(host, plan(host, floating("m", "1", 1, strategy="manual")), PLAIN, 100)
    assert "1 f" in drawn
    assert "f pinned to, not dedicated (1)" in drawn
