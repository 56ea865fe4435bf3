"""Pinning real threads: those of a process that sleeps."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from kvmc.cpuset import CpuSet
from kvmc.runtime.affinity import allowed, obey, task_ids
from kvmc.runtime.orders import Class
from kvmc.runtime.threads import Order
from kvmc.runtime.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = min(os.sched_getaffinity(0))


@pytest.fixture
def sleeper() -> Iterator[int]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process.pid
        process.kill()


def test_a_thread_is_pinned_and_read_back(sleeper: int) -> None:
    cpus = CpuSet((FIRST,))
    assert obey("web", Order(thread=sleeper, who="vCPU 0", cpus=cpus)) == ()
    assert task_ids(sleeper) == (sleeper,)
    assert allowed(sleeper, (sleeper, 2**22 + 1)) == {sleeper: cpus}


def test_cpus_that_are_not_there_are_refused(sleeper: int) -> None:
    before = allowed(sleeper, (sleeper,))
    with pytest.raises(Trouble) as caught:
        obey("web", Order(thread=sleeper, who="vCPU 0", cpus=CpuSet((8000,))))
    (found,) = caught.value.diagnostics
    assert (found.code, caught.value.status) == ("KV763", 4)
    assert found.message == "web: vCPU 0 cannot be pinned to 8000: invalid argument"
    assert allowed(sleeper, (sleeper,)) == before


def test_a_worker_that_ended_is_no_trouble_and_a_vcpu_is() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert obey("web", Order(thread=process.pid, who="emulator", cpus=CpuSet((FIRST,)))) == ()
    with pytest.raises(Trouble, match="no such process"):
        obey("web", Order(thread=process.pid, who="vCPU 0", cpus=CpuSet((FIRST,))))
    assert task_ids(process.pid) == ()


@pytest.mark.parametrize("wanted", [Class(policy="batch"), Class(policy="idle")])
def test_a_class_is_set(sleeper: int, wanted: Class) -> None:
    order = Order(thread=sleeper, who="vCPU 0", cpus=None, scheduler=wanted)
    assert obey("web", order) == ()
    assert os.sched_getscheduler(sleeper) == getattr(os, f"SCHED_{wanted.policy.upper()}")


def test_real_time_is_set_or_said(sleeper: int) -> None:
    wanted = Class(policy="fifo", priority=7)
    said = obey("web", Order(thread=sleeper, who="vCPU 0", cpus=None, scheduler=wanted))
    if os.sched_getscheduler(sleeper) == os.SCHED_FIFO:
        assert os.sched_getparam(sleeper).sched_priority == 7
        assert said == ()
    else:
        assert [d.code for d in said] == ["KV764"]
