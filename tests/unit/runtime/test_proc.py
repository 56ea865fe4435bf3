from __future__ import annotations

from pathlib import Path

import pytest

from kvmc.cpuset import CpuSet
from kvmc.runtime.proc import (
    Stat,
    hides_processes,
    parse_allowed,
    parse_command,
    parse_stat,
)

TAIL = " ".join(str(number) for number in range(4, 53))
"""Fields 4 to 52 of proc(5), each its own number."""


def test_the_fields_are_those_of_the_manual() -> None:
    assert parse_stat(f"7 (CPU 0/KVM) R {TAIL}\n") == Stat(
        name="CPU 0/KVM",
        zombie=False,
        parent=4,
        kernel=False,
        bound=False,
        started=22,
        cpu=39,
        priority=40,
        policy="41",
    )


@pytest.mark.parametrize("name", ["a b", "a) R 1 2", "(", ")", "", "x" * 15])
def test_a_name_may_hold_anything(name: str) -> None:
    stat = parse_stat(f"7 ({name}) Z {TAIL}")
    assert stat is not None
    assert (stat.name, stat.zombie) == (name, True)


def test_a_thread_of_the_kernel_with_a_class() -> None:
    fields = TAIL.split()
    fields[9 - 4], fields[41 - 4] = str(0x04200040), "1"
    stat = parse_stat(f"7 (migration/0) S {' '.join(fields)}")
    assert stat is not None
    assert (stat.kernel, stat.bound, stat.policy) == (True, True, "fifo")


@pytest.mark.parametrize("text", ["", "7 (x) R", f"7 (x) R {TAIL.replace('39', 'y')}"])
def test_what_is_no_stat_line(text: str) -> None:
    assert parse_stat(text) is None


def test_this_process() -> None:
    stat = parse_stat(Path("/proc/self/stat").read_text("utf-8"))
    assert stat is not None
    assert not stat.zombie
    assert not stat.kernel
    assert stat.policy in ("other", "batch", "idle", "fifo", "rr")


@pytest.mark.parametrize(
    ("status", "cpus"),
    [
        ("Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-3,8\n", CpuSet((0, 1, 2, 3, 8))),
        ("Name:\tCpus_allowed_list:\n", None),
        ("Cpus_allowed_list:\tall\n", None),
    ],
)
def test_allowed_cpus(status: str, cpus: CpuSet | None) -> None:
    assert parse_allowed(status) == cpus


def test_commands() -> None:
    assert parse_command(b"a\0b c\0\0") == ("a", "b c", "")
    assert parse_command(b"") == ()
    assert parse_command(b"\xff\0") == ("�",)


@pytest.mark.parametrize(
    ("options", "hidden"),
    [("rw", False), ("rw,hidepid=0", False), ("rw,hidepid=2", True), ("hidepid=invisible", True)],
)
def test_hidepid(options: str, hidden: bool) -> None:
    other = "30 1 0:9 / /mnt/proc rw - proc proc rw,hidepid=2\n30 1\n"
    assert hides_processes(f"{other}22 1 0:20 / /proc rw shared:5 - proc proc {options}") is hidden
