from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from kvmc.runtime import guests
from kvmc.runtime.limits import Group
from kvmc.runtime.orders import orders_of
from kvmc.runtime.records import Guest
from kvmc.runtime.records import register as write
from kvmc.runtime.trouble import Trouble
from tests.support.jobs import job, vm
from tests.support.runtime import alive, isolate, register


@pytest.fixture(autouse=True)
def _runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    isolate(monkeypatch)


def _place(name: str) -> Path:
    folder = guests.folder_for(name)
    with guests.place_for(name, folder):
        return folder


def test_a_guest_is_found_by_its_name() -> None:
    folder = _place("web")
    here = guests.start_time(os.getpid())
    assert here is not None
    given = Guest(
        pid=os.getpid(), started=here, folder=folder, orders=orders_of(job(vm(name="web"))),
        plugs=3, group=Group(version=2, path=Path("/sys/fs/cgroup/kvmc-1-web")),
    )  # fmt: skip
    write(given)
    assert guests.find("web").value == given
    assert guests.running() == (given,)
    with pytest.raises(Trouble, match="web runs already"):
        _place("web")
    guests.forget(folder)
    assert guests.running() == ()


def test_a_pid_that_was_used_again_is_no_guest(tmp_path: Path) -> None:
    folder = _place("web")
    (folder / "qemu.log").write_text("last words", "utf-8")
    data = {"pid": os.getpid(), "started": 1, "plugs": 0, "orders": {}}
    register(tmp_path, "db")
    record = tmp_path / "kvmc" / "db" / "guest.json"
    stale = json.loads(record.read_text("utf-8")) | {"pid": os.getpid(), "started": 1}
    (folder / "guest.json").write_text(json.dumps(stale), "utf-8")
    record.write_text(json.dumps(data), "utf-8")  # no orders: not readable
    assert guests.running() == ()
    assert sorted(f.name for f in folder.iterdir()) == ["lock", "qemu.log"]
    hint = guests.find("web").diagnostics[0].hint
    assert hint is not None
    assert str(folder / "qemu.log") in hint


def test_the_cgroup_of_a_guest_goes_with_it(tmp_path: Path) -> None:
    for name, make in (("web", _place), ("db", lambda _name: guests.running())):
        group = tmp_path / f"kvmc-1-{name}"
        (group / "vcpu0").mkdir(parents=True)
        register(tmp_path, name)
        record = tmp_path / "kvmc" / name / "guest.json"
        data = json.loads(record.read_text("utf-8")) | {"group": [1, str(group)]}
        record.write_text(json.dumps(data), "utf-8")
        make(name)
        assert not group.exists()
        assert not record.exists()


def test_a_busy_folder_is_left_alone(tmp_path: Path) -> None:
    register(tmp_path)
    with (tmp_path / "kvmc" / "web" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert guests.running() == ()
        assert (tmp_path / "kvmc" / "web" / "guest.json").exists()
        with pytest.raises(Trouble, match="is being started"):
            _place("web")
    assert guests.running() == ()
    assert not (tmp_path / "kvmc" / "web" / "guest.json").exists()


def test_names_of_any_length_and_kind(tmp_path: Path) -> None:
    assert guests.folder_for("a b,ü") == tmp_path / "kvmc" / "a b,ü"
    names = ["x" * 64, "x" * 65, "x" * 200, "ü" * 100]
    folders = [guests.folder_for(name) for name in names]
    assert len(set(folders)) == len(names)
    assert all(len(os.fsencode(folder.name)) <= 64 for folder in folders)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "kvmc").write_text("a file", "utf-8")
    with pytest.raises(Trouble) as caught:
        _place("web")
    assert [d.code for d in caught.value.diagnostics] == ["KV774"]
    assert caught.value.status == 4


def test_the_folder_is_the_owners_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _place("web").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "kvmc").stat().st_mode & 0o777 == 0o700
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert guests.folders() == (guests.SYSTEM,)


@pytest.mark.parametrize("given", ["", "run", "./run"])
def test_a_folder_that_depends_on_where_one_stands_is_none(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", given)
    assert guests.folders() == (guests.SYSTEM,)


def test_both_folders_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive(monkeypatch)
    register(tmp_path, "web")
    register(tmp_path / "system", "db")
    monkeypatch.setattr(guests, "SYSTEM", tmp_path / "system" / "kvmc")
    assert [guest.name for guest in guests.running()] == ["db", "web"]
