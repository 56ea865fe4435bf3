from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kvmc.runtime import guests
from kvmc.runtime.limits import Group, Limits
from kvmc.runtime.plug import set_vcpus
from tests.support.cgroups import Cgroups
from tests.support.runtime import PID, Slots, alive, isolate, register

if TYPE_CHECKING:
    from pathlib import Path

    from kvmc.runtime.records import Guest


@pytest.fixture
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guest:
    monkeypatch.chdir(tmp_path)
    isolate(monkeypatch)
    alive(monkeypatch)
    register(tmp_path)
    found = guests.find("web").value
    assert found is not None
    return found


def _asked(monitor: Any, *commands: str) -> list[tuple[str, dict[str, Any]]]:
    return [one for one in monitor.asked if one[0] in commands]


def test_a_vcpu_is_added_where_qemu_says_and_pinned(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned: list[tuple[int, str]] = []
    monkeypatch.setattr("os.sched_setaffinity", lambda t, cpus: pinned.append((t, str(cpus))))
    monitor: Any = Slots(2)
    done = set_vcpus(monitor, guest, 4, 1)
    assert (done.before, done.now, done.added, done.diagnostics) == (2, 4, (2, 3), ())
    place = {"driver": "Haswell-x86_64-cpu", "core-id": 0, "thread-id": 0}
    assert _asked(monitor, "device_add") == [
        ("device_add", {**place, "id": "vcpu2", "socket-id": 2}),
        ("device_add", {**place, "id": "vcpu3", "socket-id": 3}),
    ]
    assert pinned == [(PID + 3, "0"), (PID + 4, "1")]
    assert json.loads((guest.folder / "guest.json").read_text("utf-8"))["plugs"] == 2


def test_one_that_cannot_be_pinned_is_taken_back(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: int, _cpus: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.sched_setaffinity", refuse)
    monitor: Any = Slots(2)
    done = set_vcpus(monitor, guest, 4, 1)
    assert (done.now, done.added) == (2, ())
    assert [d.code for d in done.diagnostics] == ["KV763"]
    assert _asked(monitor, "device_del") == [("device_del", {"id": "vcpu2"})]
    monitor = Slots(2, unplug="declines")
    done = set_vcpus(monitor, guest, 3, 1)
    assert [d.code for d in done.diagnostics] == ["KV763", "KV772"]


def test_vcpus_are_removed_until_the_guest_keeps_one(guest: Guest) -> None:
    monitor: Any = Slots(2, [2, 3])
    done = set_vcpus(monitor, guest, 2, 1)
    assert (done.now, done.removed, done.diagnostics) == (2, (3, 2), ())
    monitor = Slots(2, [2, 3], unplug="declines")
    done = set_vcpus(monitor, guest, 2, 1)
    assert (done.now, done.removed) == (4, ())
    assert _asked(monitor, "device_del") == [("device_del", {"id": "vcpu3"})]


@pytest.mark.parametrize("count", [1, 5])
def test_nothing_is_done_where_it_cannot_be(guest: Guest, count: int) -> None:
    monitor: Any = Slots(2, [2])
    done = set_vcpus(monitor, guest, count, 1)
    assert done.diagnostics
    assert not _asked(monitor, "device_add", "device_del")


@pytest.mark.parametrize(
    ("plugs", "added", "kvm", "refused"),
    [(1, [2], False, False), (1, [], False, True), (2, [2], False, True), (2, [2], True, False)],
)
def test_under_tcg_nothing_comes_after_one_went(
    guest: Guest, monkeypatch: pytest.MonkeyPatch, plugs: int, added: list[int], kvm: bool,
    refused: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr("os.sched_setaffinity", lambda _thread, _cpus: None)
    monitor: Any = Slots(2, added, kvm=kvm)
    done = set_vcpus(monitor, replace(guest, plugs=plugs), 4, 1)
    assert [d.code for d in done.diagnostics] == ["KV779"] * refused
    assert bool(_asked(monitor, "device_add")) is not refused


def test_a_vcpu_gets_its_cgroup_and_loses_it(
    guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Cgroups(monkeypatch, tmp_path, 1)
    monkeypatch.setattr("os.sched_setaffinity", lambda _thread, _cpus: None)
    limits = Limits(quota=2000)
    confined = replace(
        guest,
        orders=replace(guest.orders, limits=limits),
        group=Group(version=1, path=kernel.root / "kvmc-1-web"),
    )
    kernel.root.joinpath("kvmc-1-web").mkdir()
    monitor: Any = Slots(2)
    set_vcpus(monitor, confined, 3, 1)
    assert ("kvmc-1-web/vcpu2/tasks", str(PID + 3)) in kernel.written
    assert kernel.groups() == ["kvmc-1-web", "kvmc-1-web/vcpu2"]
    set_vcpus(monitor, confined, 2, 1)
    assert kernel.groups() == ["kvmc-1-web"]
