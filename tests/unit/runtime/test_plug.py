from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kvmc.runtime import guests
from kvmc.runtime.plug import set_vcpus
from tests.support.runtime import PID, Slots, alive, isolate, register

if TYPE_CHECKING:
    from pathlib import Path

    from kvmc.runtime.guests import Guest


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
