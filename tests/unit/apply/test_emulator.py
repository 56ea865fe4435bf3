"""Emulator threads that libvirt leaves behind are brought along to their new pin."""

from __future__ import annotations

import os

import pytest

from kvmc.apply.emulator import bring_along
from kvmc.cpuset import CpuSet
from tests.support.observed import UUID
from tests.unit.apply.test_kernel import qemu, task
from tests.unit.host.trees import DictTree


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> dict[int, str]:
    """Note what is asked of the kernel; thread 103 is not ours to move."""
    asked: dict[int, str] = {}

    def setaffinity(thread: int, cpus: CpuSet) -> None:
        if thread == 103:
            raise PermissionError
        asked[thread] = str(cpus)

    monkeypatch.setattr(os, "sched_setaffinity", setaffinity)
    return asked


def test_the_emulators_threads_follow_and_no_others(moved: dict[int, str]) -> None:
    tree = DictTree(
        qemu()
        | task(100, 104, "call_rcu", "1")
        | task(100, 105, "tc-ram-node0", "7")
        | task(100, 106, "worker", "0-3")
        | task(200, 200, "qemu-system-x86", "1")
    )
    bring_along(tree, UUID, CpuSet(range(4)))
    assert moved == {100: "0-3", 104: "0-3"}


def test_a_guest_without_a_process_here_is_let_be(moved: dict[int, str]) -> None:
    bring_along(DictTree(qemu()), "another", CpuSet((1,)))
    assert moved == {}
