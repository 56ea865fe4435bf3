from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kvmc.runtime import cgroupfs
from kvmc.runtime.confine import confine, confine_vcpus, release, release_vcpu, sweep
from kvmc.runtime.limits import Limits
from kvmc.runtime.orders import Class, Orders
from tests.support.cgroups import Cgroups
from tests.support.runtime import PID, Slots

if TYPE_CHECKING:
    from pathlib import Path

    from kvmc.diagnostics import Diagnostic

BOTH = Limits(shares=2048, quota=20000)
NAME = f"kvmc-{PID}-web"


def _orders(limits: Limits, **classes: Class) -> Orders:
    return Orders(
        name="web", count=2, max=4, vcpus={}, emulator=None, iothreads={},
        classes={int(name[1:]): given for name, given in classes.items()}, limits=limits,
    )  # fmt: skip


def _monitor() -> Any:
    return Slots(2)


def _warned(said: tuple[Diagnostic, ...]) -> list[str]:
    assert all(d.code == "KV766" and not d.is_error for d in said)
    return [d.message for d in said]


def test_version_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Cgroups(monkeypatch, tmp_path, 1, "slice")
    group, said = confine(_monitor(), _orders(BOTH), PID, "web")
    assert said == ()
    assert group is not None
    assert group.path == kernel.own / NAME
    inside = f"slice/{NAME}"
    assert kernel.written == [
        (f"{inside}/cpu.shares", "2048"),
        (f"{inside}/cgroup.procs", str(PID)),
        (f"{inside}/vcpu0/tasks", str(PID + 1)),
        (f"{inside}/vcpu0/cpu.cfs_period_us", "100000"),
        (f"{inside}/vcpu0/cpu.cfs_quota_us", "20000"),
        (f"{inside}/vcpu1/tasks", str(PID + 2)),
        (f"{inside}/vcpu1/cpu.cfs_period_us", "100000"),
        (f"{inside}/vcpu1/cpu.cfs_quota_us", "20000"),
    ]
    assert kernel.groups() == ["slice", inside, f"{inside}/vcpu0", f"{inside}/vcpu1"]
    release_vcpu(group, 1)
    assert kernel.groups() == ["slice", inside, f"{inside}/vcpu0"]
    release(group)
    assert kernel.groups() == ["slice"]
    release(replace(group, path=kernel.own))
    assert kernel.groups() == ["slice"]


def test_version_2_has_threads_apart_before_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Cgroups(monkeypatch, tmp_path, 2)
    monkeypatch.setattr(
        cgroupfs, "read", lambda p, read=cgroupfs.read: "cpu" if NAME in str(p) else read(p)
    )
    group, said = confine(_monitor(), _orders(BOTH), PID, "web")
    assert said == ()
    assert group is not None
    assert kernel.written[:4] == [
        ("cgroup.subtree_control", "+cpu"),
        (f"{NAME}/cpu.weight", "200"),
        (f"{NAME}/vcpu0/cgroup.type", "threaded"),
        (f"{NAME}/cgroup.procs", str(PID)),
    ]
    assert (f"{NAME}/vcpu1/cgroup.threads", str(PID + 2)) in kernel.written
    assert (f"{NAME}/vcpu1/cpu.max", "20000 100000") in kernel.written


def test_in_a_threaded_subtree_the_group_is_made_threaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Cgroups(monkeypatch, tmp_path, 2)
    monkeypatch.setattr(
        cgroupfs,
        "read",
        lambda p, read=cgroupfs.read: "domain invalid\n" if p.name == "cgroup.type" else read(p),
    )
    confine(_monitor(), _orders(Limits(shares=1024)), PID, "web")
    assert kernel.written == [
        ("cgroup.subtree_control", "+cpu"),
        (f"{NAME}/cgroup.type", "threaded"),
        (f"{NAME}/cpu.weight", "100"),
        (f"{NAME}/cgroup.procs", str(PID)),
    ]


def test_the_topmost_group_is_the_second_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Cgroups(monkeypatch, tmp_path, 1, "slice")
    kernel.refuse = {"slice"}
    group, said = confine(_monitor(), _orders(Limits(shares=2)), PID, "web")
    assert said == ()
    assert group is not None
    assert group.path == kernel.root / NAME
    kernel.refuse = {"slice", "cgroup"}
    group, said = confine(_monitor(), _orders(BOTH), PID, "web")
    assert group is None
    (text,) = _warned(said)
    assert text == (
        f"web: tune.shares, tune.quota are not set: {kernel.own / NAME}: permission denied; "
        f"{kernel.root / NAME}: permission denied"
    )


def test_a_controller_that_is_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Cgroups(monkeypatch, tmp_path, 2)
    (kernel.root / "cgroup.controllers").write_text("memory\n", "ascii")
    group, said = confine(_monitor(), _orders(Limits(quota=2000)), PID, "web")
    assert (group, kernel.groups()) == (None, [])
    assert _warned(said) == [f"web: tune.quota is not set: {kernel.root}: it has no cpu controller"]
    monkeypatch.setattr(cgroupfs, "MOUNTS", tmp_path / "none")
    (text,) = _warned(confine(_monitor(), _orders(Limits(quota=2000)), PID, "web")[1])
    assert text.endswith("no cgroup hierarchy with the cpu controller is here")


def test_a_refused_value_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Cgroups(monkeypatch, tmp_path, 1)
    kernel.refuse = {"cpu.shares", "cpu.cfs_quota_us"}
    group, said = confine(_monitor(), _orders(BOTH), PID, "web")
    assert group is not None
    shares, first, second = _warned(said)
    file = kernel.root / NAME / "cpu.shares"
    assert shares == f"web: cpu.shares is not set to 2048: {file}: permission denied"
    assert first.startswith("web: vCPU 0: cpu.cfs_quota_us is not set to 20000: ")
    assert second.startswith("web: vCPU 1: ")


@pytest.mark.parametrize("file", ["cgroup.procs", "tasks"])
def test_threads_that_may_not_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    kernel = Cgroups(monkeypatch, tmp_path, 1)
    kernel.refuse = {file}
    group, said = confine(_monitor(), _orders(BOTH), PID, "web")
    if file == "tasks":
        assert group is not None
        first, second = _warned(said)
        assert first.startswith("web: vCPU 0 gets no limits: ")
        assert second.startswith("web: vCPU 1 gets no limits: ")
    else:
        assert (group, kernel.groups(), len(_warned(said))) == (None, [], 1)


def test_vcpus_on_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Cgroups(monkeypatch, tmp_path, 1)
    monitor = _monitor()
    one = [{"cpu-index": i, "thread-id": 9} for i in range(2)]
    monkeypatch.setattr(monitor, "ask", lambda _command: one)
    group, said = confine(monitor, _orders(BOTH), PID, "web")
    assert group is not None
    (text,) = _warned(said)
    assert "all 2 vCPUs on one thread" in text


def test_real_time_threads_stay_where_there_is_a_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Cgroups(monkeypatch, tmp_path, 1)
    fifo, batch = Class(policy="fifo", priority=1), Class(policy="batch")
    orders = _orders(Limits(shares=2), v0=fifo, v1=batch)
    group, _ = confine(_monitor(), orders, PID, "web")
    assert group is not None
    assert not [one for one in kernel.written if "tasks" in one[0]]
    (group.path / "cpu.rt_runtime_us").write_text("0", "ascii")
    assert confine_vcpus(_monitor(), orders, group) == ()
    assert kernel.written[-1] == ("tasks", str(PID + 1))


def test_a_plugged_vcpu_gets_its_group_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Cgroups(monkeypatch, tmp_path, 1)
    group, _ = confine(_monitor(), _orders(BOTH), PID, "web")
    kernel.written.clear()
    monitor: Any = Slots(2, [2])
    assert confine_vcpus(monitor, _orders(BOTH), group, 2) == ()
    assert [file for file, _ in kernel.written] == [
        f"{NAME}/vcpu2/{file}" for file in ("tasks", "cpu.cfs_period_us", "cpu.cfs_quota_us")
    ]
    assert confine_vcpus(monitor, _orders(BOTH), None, 2) == ()


def test_groups_of_the_dead_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Cgroups(monkeypatch, tmp_path, 1, "slice")
    kept = {"slice", "slice/machine", f"slice/kvmc-{os.getpid()}-web", "kvmc-x"}
    gone = {"kvmc-4194305-web", "kvmc-4194305-web/vcpu0", "slice/kvmc-4194306-a b"}
    for name in sorted(kept | gone):
        (kernel.root / name).mkdir(exist_ok=True)
    sweep()
    assert set(kernel.groups()) == kept


def test_no_limits_no_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Cgroups(monkeypatch, tmp_path, 1)
    assert confine(_monitor(), _orders(Limits(quota=-1)), PID, "web") == (None, ())
    assert (kernel.groups(), kernel.written) == ([], [])
