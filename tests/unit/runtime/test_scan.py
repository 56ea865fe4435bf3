from __future__ import annotations

import os
from pathlib import Path

import pytest

from kvmc.runtime import scan
from kvmc.runtime.ps import on_cpu, rows, see, unnamed
from tests.support.runtime import PID, write_machine, write_task


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_machine(tmp_path)
    monkeypatch.setattr(scan, "ROOT", tmp_path)
    return tmp_path


def test_all_living_threads_are_read() -> None:
    snapshot = scan.scan()
    assert str(snapshot.online) == "0-3"
    assert [p.pid for p in snapshot.processes] == [1, 20, 300, 400, 500, 540, 600, PID]
    assert snapshot.unreadable == ()
    assert not snapshot.hidden
    db = next(p for p in snapshot.processes if p.pid == 500)
    assert [t.id for t in db.threads] == [500, 501, 502, 503, 510, 511]


def test_what_may_not_be_read_is_counted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listdir = os.listdir

    def deny(folder: Path) -> list[str]:
        if folder == root / "proc" / "400" / "task":
            raise PermissionError
        return listdir(folder)

    monkeypatch.setattr("os.listdir", deny)
    snapshot = scan.scan()
    assert snapshot.unreadable == (400,)
    assert 400 not in [p.pid for p in snapshot.processes]


def test_what_ends_meanwhile_was_not_there(root: Path) -> None:
    (root / "proc" / "400" / "cmdline").unlink()
    (root / "proc" / "500" / "task" / "501" / "stat").unlink()
    (root / "proc" / "300" / "task" / "300" / "status").write_text("", "utf-8")
    snapshot = scan.scan()
    assert [p.pid for p in snapshot.processes] == [1, 20, 500, 540, 600, PID]
    assert 501 not in [t.id for p in snapshot.processes for t in p.threads]


def test_guests_and_their_company() -> None:
    table = {row.seen.thread: row for row in rows(see(scan.scan(), {PID}))}
    assert [row.seen.label for row in table.values()] == [
        "db,1 vCPU 0", "db,1 vCPU 10", "db,1 iothread1", "db,1 vhost",
        "db,1 emulator", "db,1 emulator", "db,1 emulator",
        f"pid {PID} emulator", "web vCPU 0", "web emulator",
    ]  # fmt: skip
    assert {row.seen.by for row in table.values() if row.seen.process == PID} == {"kvmc"}
    # bash last ran there too, but is pinned nowhere; the kernel's thread is everywhere
    assert table[510].company == ("web emulator", "irqbalance")
    assert table[502].company == ("vhost", "emulator x3")
    assert unnamed(scan.scan()) == (f"pid {PID}",)


def test_pinned_is_less_than_what_process_one_may_use(root: Path) -> None:
    status = root / "proc" / "1" / "task" / "1" / "status"
    status.write_text("Cpus_allowed_list:\t0-1\n", "utf-8")  # isolcpus=2-3
    pinned = {seen.thread for seen in see(scan.scan(), ()) if seen.pinned}
    assert pinned == {20, 300, 502, 510, 511}


def test_one_cpu_shows_every_thread() -> None:
    there = on_cpu(see(scan.scan(), ()), 2)
    assert [seen.label for seen in there] == [
        "db,1 vCPU 0", "web emulator", "bash", "irqbalance", "kworker/2:0",
    ]  # fmt: skip


def test_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "ROOT", Path("/"))
    snapshot = scan.scan()
    own = next(p for p in snapshot.processes if p.pid == os.getpid())
    assert own.threads[0].stat.cpu in snapshot.online
    assert own.threads[0].allowed == type(snapshot.online)(os.sched_getaffinity(0))


def test_a_large_machine_is_quick(root: Path) -> None:
    for pid in range(10000, 10020):
        command = ("qemu-system-x86_64", "-name", f"vm{pid},debug-threads=on")
        write_task(root, pid, pid, "q", allowed="0-3", cpu=0, command=command)
        for vcpu in range(20):
            name = f"CPU {vcpu}/KVM"
            write_task(root, pid, pid * 100 + vcpu, name, allowed="0-3", cpu=vcpu % 4)
    table = rows(see(scan.scan(), ()))
    assert len(table) == 10 + 20 * 21
