"""The kernel's side over a tree of files, and what verify makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kvmc.apply.diff import diff
from kvmc.apply.kernel import (
    CpuStates,
    all_tasks,
    cgroup_version,
    cpu_states,
    cpuset_group,
    qemu_pids,
    read_threads,
)
from kvmc.apply.verify import of_cgroups, of_foreigners, of_host, of_settings
from kvmc.cpuset import CpuSet
from tests.support.observed import UUID, moved, pinned, running
from tests.unit.host.trees import DictTree

if TYPE_CHECKING:
    from kvmc.render.model import Job

CGROUP = "sys/fs/cgroup"
KTHREAD, BOUND = 0x00200000, 0x04000000


def task(
    pid: int, tid: int, name: str, cpus: str, last: int = 0, **given: object
) -> dict[str, str]:
    """Return a thread's files; field numbers as in proc(5)."""
    fields = {3: "S", 9: given.get("flags", 0), 39: last, 40: given.get("priority", 0)}
    fields[41] = given.get("policy", 0)
    folder = f"proc/{pid}/task/{tid}"
    stat = " ".join(str(fields.get(i, 0)) for i in range(3, 53))
    return {
        f"{folder}/stat": f"{tid} ({name}) {stat}\n",
        f"{folder}/status": f"Name:\t{name}\nCpus_allowed:\tff\nCpus_allowed_list:\t{cpus}\n",
        f"{folder}/cgroup": str(given.get("cgroup", "0::/\n")),
    }


def qemu(pid: int = 100, uuid: str = UUID) -> dict[str, str]:
    slice_ = "/machine.slice/web.scope/libvirt"
    words = ["/usr/bin/qemu", "-name", "guest=web,debug-threads=on", "-uuid", uuid, ""]
    return {
        f"proc/{pid}/cmdline": "\0".join(words),
        f"{CGROUP}/cgroup.controllers": "cpuset cpu io memory\n",
        f"{CGROUP}{slice_}/vcpu0/cpuset.cpus.effective": "2\n",
        f"{CGROUP}/machine.slice/cpuset.cpus.effective": "0-3\n",
        **task(pid, pid, "qemu (x) 86", "0-1", 1, cgroup=f"0::{slice_}/emulator\n"),
        **task(
            pid, pid + 1, "CPU 0/KVM", "2", 2, policy=1, priority=7, cgroup=f"0::{slice_}/vcpu0\n"
        ),
        **task(pid, pid + 2, "IO iothread1", "0", cgroup=f"0::{slice_}/iothread1\n"),
        **task(pid, pid + 3, "IO mon_iothread", "0-1", cgroup=f"0::{slice_}/emulator\n"),
    }


def test_qemu_is_found_by_its_uuid() -> None:
    files = qemu() | {"proc/7/cmdline": "sh\0-c\0echo -uuid\0", "proc/self/cmdline": "x\0"}
    tree = DictTree(files)
    assert qemu_pids(tree, [UUID, "another"]) == {UUID: 100}
    assert qemu_pids(tree, []) == {}


def test_every_thread_has_its_role_class_and_cpus() -> None:
    found = {t.tid: t for t in read_threads(DictTree(qemu()), 100)}
    assert [(t.role, t.id, str(t.cpus), t.last_cpu) for t in found.values()] == [
        ("emulator", None, "0-1", 1),
        ("vcpu", 0, "2", 2),
        ("iothread", 1, "0", 0),
        ("emulator", None, "0-1", 0),
    ]
    assert (found[101].policy, found[101].priority) == ("fifo", 7)
    assert found[100].name == "qemu (x) 86"
    assert str(found[101].effective) == "2"
    # a cgroup without the controller has what the next one above it has
    assert str(found[100].effective) == "0-3"


def test_a_thread_without_a_name_of_qemus_is_known_by_its_cgroup() -> None:
    files = task(9, 9, "qemu-system-x86", "3", cgroup="3:cpuset:/machine/web/vcpu12\n")
    files[f"{CGROUP}/cpuset/machine/web/vcpu12/cpuset.effective_cpus"] = "3\n"
    (thread,) = read_threads(DictTree(files), 9)
    assert (thread.role, thread.id, str(thread.effective)) == ("vcpu", 12, "3")


@pytest.mark.parametrize(
    ("groups", "files", "found"),
    [
        (
            "3:cpu,cpuacct:/machine/web/vcpu0\n0::/other\n",
            {
                "cpu,cpuacct/machine/web/vcpu0/cpu.cfs_period_us": "50000\n",
                "cpu,cpuacct/machine/web/vcpu0/cpu.cfs_quota_us": "20000\n",
            },
            (50000, 20000),
        ),
        (
            "1:cpu:/web/vcpu0\n",
            {
                "cpu/web/vcpu0/cpu.cfs_period_us": "100000\n",
                "cpu/web/vcpu0/cpu.cfs_quota_us": "-1\n",
            },
            (100000, -1),
        ),
        ("0::/web/vcpu0\n", {"web/vcpu0/cpu.max": "20000 50000\n"}, (50000, 20000)),
        ("0::/web/vcpu0\n", {"web/vcpu0/cpu.max": "max 100000\n"}, (100000, -1)),
        # of the group above it says nothing of this one
        ("0::/web/vcpu0\n", {"web/cpu.max": "20000 50000\n"}, (None, None)),
        ("0::/web/vcpu0\n", {"web/vcpu0/cpu.max": "\n"}, (None, None)),
        ("", {}, (None, None)),
    ],
)
def test_a_vcpus_period_and_quota_are_its_own_cgroups(
    groups: str, files: dict[str, str], found: tuple[int | None, int | None]
) -> None:
    there = {f"{CGROUP}/{path}": text for path, text in files.items()}
    there |= task(9, 9, "CPU 0/KVM", "0", cgroup=groups)
    there |= task(9, 10, "qemu-system-x86", "0", cgroup=groups.replace("vcpu0", "emulator"))
    vcpu, emulator = read_threads(DictTree(there), 9)
    assert (vcpu.period, vcpu.quota) == found
    assert (emulator.period, emulator.quota) == (None, None)


def test_a_thread_that_ends_meanwhile_is_left_out() -> None:
    files = qemu()
    del files["proc/100/task/102/status"]
    files["proc/100/task/103/stat"] = ""
    assert [t.tid for t in read_threads(DictTree(files), 100)] == [100, 101]


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("0::/machine/x\n", (2, "/machine/x")),
        ("4:cpuset:/a\n0::/b\n", (1, "/a")),
        ("4:cpu,cpuset:/a\n", (1, "/a")),
        ("4:memory:/a\n", None),
        ("", None),
    ],
)
def test_the_cpusets_cgroup(text: str, group: tuple[int, str] | None) -> None:
    assert cpuset_group(text) == group


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({f"{CGROUP}/cgroup.controllers": "cpuset cpu io\n"}, 2),
        ({f"{CGROUP}/cpu,cpuacct/tasks": "1\n"}, 1),
        ({f"{CGROUP}/cgroup.controllers": "\n", f"{CGROUP}/cpu/tasks": "1\n"}, 1),
        ({}, None),
    ],
)
def test_which_cgroups_hold_the_shares(files: dict[str, str], version: int | None) -> None:
    assert cgroup_version(DictTree(files)) == version


def test_what_the_kernel_was_told_of_its_cpus() -> None:
    folder = "sys/devices/system/cpu"
    files = {f"{folder}/online": "0-6\n", f"{folder}/isolated": "2-3\n"}
    files[f"{folder}/nohz_full"] = "  (null)\n"  # what kernels print where it is off
    assert cpu_states(DictTree(files)) == CpuStates(
        online=CpuSet(range(7)), isolated=CpuSet((2, 3)), nohz_full=CpuSet()
    )


def _states(isolated: str = "", nohz: str = "", online: str = "0-7") -> CpuStates:
    return CpuStates(
        online=CpuSet.parse(online),
        isolated=CpuSet.parse(isolated),
        nohz_full=CpuSet.parse(nohz),
    )


def _dedicated() -> Job:
    job = pinned()
    vcpus = tuple(pin._replace(dedicated=True) for pin in job.plan.vcpus)
    return replace(job, plan=replace(job.plan, vcpus=vcpus))


def _codes(states: CpuStates) -> list[tuple[str, str]]:
    return [(f.code, f.message) for f in of_host(_dedicated().plan, states)]


def test_a_host_that_suits_the_plan() -> None:
    assert _codes(_states()) == []
    assert _codes(_states(isolated="4-7", nohz="4-7")) == []


def test_a_wide_mask_on_isolated_cpus_is_drift_and_a_narrow_one_is_not() -> None:
    found = _codes(_states(isolated="0-3"))
    text = "CPUs 0-1 are isolated, and the scheduler does not balance there: "
    assert found == [("KV744", f"{text}the emulator may run on several")]


def test_cpus_that_are_isolated_in_part() -> None:
    assert _codes(_states(isolated="2-3")) == [
        ("KV748", "of its own CPUs 2-3 is isolated, and 0-1 is not")
    ]


def test_threads_that_float_on_cpus_without_a_tick() -> None:
    found = dict(_codes(_states(nohz="1-3")))
    assert found["KV749"] == (
        "CPU 1 is nohz_full, which wants one task alone: the emulator may run there and elsewhere"
    )
    assert found["KV748"] == "of its own CPUs 1-3 is nohz_full, and 0 is not"


def test_a_cpu_that_went_offline() -> None:
    assert _codes(_states(online="0,2-7")) == [
        ("KV745", "CPU 1 is offline, and planned for vCPU 1 and the emulator")
    ]


def test_a_cgroup_that_leaves_less_than_the_plan_gives() -> None:
    job = pinned()
    seen = moved(running(job), 112, effective=CpuSet((0,)), cgroup="/machine/web/vcpu2")
    same = diff(job, running(job)).value
    assert same is not None
    (found,) = of_cgroups(job.plan, seen, same, CpuSet(range(8)))
    assert (found.code, found.message) == (
        "KV746",
        "vCPU 2 belongs on 2, and /machine/web/vcpu2 has 0",
    )
    assert list(of_cgroups(job.plan, running(job), same, CpuSet(range(8)))) == []
    # where libvirt moved the thread, its cgroup went with it
    live = (seen.live or "").replace("vcpu='2' cpuset='2'", "vcpu='2' cpuset='0'")
    other = diff(job, replace(seen, live=live)).value
    assert other is not None
    assert list(of_cgroups(job.plan, seen, other, CpuSet(range(8)))) == []
    # that the CPU is offline is said once, by KV745
    assert list(of_cgroups(job.plan, seen, same, CpuSet((0, 1, 3)))) == []


def test_who_else_is_bound_to_a_dedicated_cpu() -> None:
    files = {
        **task(5, 5, "migration/2", "2", flags=KTHREAD | BOUND),
        **task(6, 6, "irq/45-nvme", "2", flags=KTHREAD),
        **task(7, 7, "vhost-100", "2", flags=KTHREAD),
        **task(8, 8, "backup", "2-3"),
        **task(9, 9, "anything", "0-7"),
        **task(10, 10, "shares", "3-4"),
        **task(100, 101, "CPU 2/KVM", "2"),
        **task(300, 300, "CPU 0/KVM", "2"),
    }
    tasks = all_tasks(DictTree(files))
    found = [f.message for f in of_foreigners(_dedicated().plan, 100, tasks, CpuSet(range(8)))]
    assert found == [
        "CPU 2 is for vCPU 2 alone, and bound to it too: irq/45-nvme (6), CPU 0/KVM (300)",
        "CPUs 2-3 are for vCPU 2 and vCPU 3 alone, and bound to it too: backup (8)",
    ]
    few = [f.message for f in of_foreigners(_dedicated().plan, 100, tasks, CpuSet((2, 3)))]
    assert few == found[:1]  # on a host of CPUs 2-3 the backup is not bound at all
    assert list(of_foreigners(pinned().plan, 100, tasks, None)) == []


def test_a_difference_is_a_finding_for_each_place_that_differs() -> None:
    job = pinned()
    seen = running(job)
    live = (seen.live or "").replace("vcpu='1' cpuset='1'", "vcpu='1' cpuset='2'")
    compared = diff(job, moved(replace(seen, live=live), 112, cpus=CpuSet((0,)))).value
    assert compared is not None
    assert [(f.code, f.layer, f.message) for f in of_settings(compared)] == [
        ("KV742", "live", "vcpupin/1: it runs with 2, the spec has 1"),
        ("KV743", "kernel", "vcpupin/2: the kernel has 0, the spec 2"),
    ]
    missing = diff(job, None).value
    assert missing is not None
    assert [f.code for f in of_settings(missing)] == ["KV740"]
