"""The kernel's own word: the threads of QEMU, where they may run and where they ran.

Pure functions over a `Tree` of small files (proc/, sys/): /proc/PID/cmdline, task/TID/comm, status,
stat and cgroup (proc(5)), the cpuset's effective CPUs (cgroups(7); cpuset.effective_cpus in
version 1, cpuset.cpus.effective in version 2), and a vCPU's period and quota (cpu.cfs_period_us and
cpu.cfs_quota_us in version 1, cpu.max in version 2).
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from kvmc.apply.model import Thread
from kvmc.cpuset import CpuSet, CpuSetError
from kvmc.host.cgroups import groups_of
from kvmc.runtime.proc import parse_allowed, parse_stat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kvmc.apply.model import CgroupVersion, Role
    from kvmc.host.tree import Tree
    from kvmc.runtime.proc import Stat

_CGROUP = "sys/fs/cgroup"
_NAMES: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("vcpu", re.compile(r"CPU ([0-9]+)/")),
    ("iothread", re.compile(r"IO iothread([0-9]+)\Z")),
)
"""What QEMU calls its threads under -name debug-threads=on, which libvirt always asks for."""
_GROUPS: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("vcpu", re.compile(r"vcpu([0-9]+)\Z")),
    ("iothread", re.compile(r"iothread([0-9]+)\Z")),
)
"""What libvirt calls the threads' cgroups."""
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)


class Task(Struct, frozen=True, kw_only=True):
    """Any thread of the machine, and what decides where it runs."""

    pid: int
    tid: int
    cpus: CpuSet
    """Where it may run."""
    stat: Stat


class CpuStates(Struct, frozen=True, kw_only=True):
    """Which CPUs there are and what the kernel was told of them; None: it does not say."""

    online: CpuSet | None
    isolated: CpuSet
    """isolcpus=domain, and isolated cpuset partitions: the scheduler does not balance there."""
    nohz_full: CpuSet


def qemu_pids(tree: Tree, uuids: Iterable[str]) -> Mapping[str, int]:
    """Return UUID -> process, from the `-uuid` that libvirt gives QEMU."""
    wanted = set(uuids)
    found: dict[str, int] = {}
    for name in tree.list("proc") if wanted else ():
        words = (tree.read(f"proc/{name}/cmdline") or "").split("\0") if name.isdigit() else []
        for option, value in pairwise(words):
            if option == "-uuid" and value in wanted:
                found.setdefault(value, int(name))
    return found


def read_threads(tree: Tree, pid: int) -> tuple[Thread, ...]:
    """Return a guest's threads by tid; those that end meanwhile are left out."""
    found = []
    for tid in sorted(int(name) for name in tree.list(f"proc/{pid}/task") if name.isdigit()):
        task = read_task(tree, pid, tid)
        if task is not None:
            found.append(_thread(tree, task))
    return tuple(found)


def _thread(tree: Tree, task: Task) -> Thread:
    groups = tree.read(f"proc/{task.pid}/task/{task.tid}/cgroup") or ""
    group = cpuset_group(groups)
    role, number = _role(task.stat.name, group[1] if group else "")
    period, quota = _bandwidth(tree, groups) if role == "vcpu" else (None, None)
    return Thread(
        tid=task.tid,
        role=role,
        id=number,
        name=task.stat.name,
        cpus=task.cpus,
        last_cpu=task.stat.cpu,
        policy=task.stat.policy,
        priority=task.stat.priority,
        cgroup=group[1] if group else None,
        effective=_effective(tree, group) if group else None,
        period=period,
        quota=quota,
    )


def _role(name: str, group: str) -> tuple[Role, int | None]:
    last = group.rpartition("/")[2]
    for text, patterns in ((name, _NAMES), (last, _GROUPS)):
        for role, pattern in patterns:
            match = pattern.match(text)
            if match is not None:
                return role, int(match[1])
    return "emulator", None


def read_task(tree: Tree, pid: int, tid: int) -> Task | None:
    """Return one thread; None where it ended, or is not ours to see."""
    folder = f"proc/{pid}/task/{tid}"
    stat = parse_stat(tree.read(f"{folder}/stat") or "")
    cpus = parse_allowed(tree.read(f"{folder}/status") or "")
    if stat is None or cpus is None:
        return None
    return Task(pid=pid, tid=tid, stat=stat, cpus=cpus)


def _cpus(text: str | None) -> CpuSet | None:
    try:
        return None if text is None else CpuSet.parse(text.replace("\0", "").strip())
    except CpuSetError:
        return None


def cpuset_group(text: str) -> tuple[Literal[1, 2], str] | None:
    """Return (cgroup version, path) of the cpuset in a /proc/PID/cgroup; None where there is none.

    Where both versions are mounted, a version 1 hierarchy that has the controller holds it.
    """
    return next(iter(groups_of(text, "cpuset").items()), None)


def _effective(tree: Tree, group: tuple[Literal[1, 2], str]) -> CpuSet | None:
    """Return the CPUs a cgroup really has; without the controller its nearest ancestor's."""
    version, path = group
    if version == 1:
        return _cpus(tree.read(f"{_CGROUP}/cpuset{path.rstrip('/')}/cpuset.effective_cpus"))
    while True:
        path = path.rstrip("/")
        text = tree.read(f"{_CGROUP}{path}/cpuset.cpus.effective")
        if text is not None or not path:
            return _cpus(text)
        path = path.rpartition("/")[0]


def _bandwidth(tree: Tree, groups: str) -> tuple[int | None, int | None]:
    """Return (period, quota) of the cgroup that a /proc/PID/cgroup names for the cpu controller."""
    version, path = next(iter(groups_of(groups, "cpu").items()), (None, ""))
    if version == 1:
        folder = f"{_CGROUP}/{_cpu_mount(tree) or 'cpu'}{path.rstrip('/')}"
        texts = [tree.read(f"{folder}/cpu.cfs_{name}_us") for name in ("period", "quota")]
        return _number(texts[0]), _number(texts[1])
    quota, _, period = (tree.read(f"{_CGROUP}{path.rstrip('/')}/cpu.max") or "").partition(" ")
    return _number(period), -1 if quota == "max" else _number(quota)


def _number(text: str | None) -> int | None:
    clean = (text or "").replace("\0", "").strip()
    return int(clean) if _NUMBER.fullmatch(clean) else None


def _cpu_mount(tree: Tree) -> str | None:
    """Return what the folder of version 1 is called: cpu, or `cpu,cpuacct` and the like."""
    return next((name for name in tree.list(_CGROUP) if "cpu" in name.split(",")), None)


def cgroup_version(tree: Tree) -> CgroupVersion | None:
    """Return the version that has the CPU controller; None where neither is mounted as usual."""
    if "cpu" in (tree.read(f"{_CGROUP}/cgroup.controllers") or "").split():
        return 2
    return 1 if _cpu_mount(tree) else None


def cpu_states(tree: Tree) -> CpuStates:
    """Return which CPUs are online, isolated, and without a tick."""
    folder = "sys/devices/system/cpu"
    return CpuStates(
        online=_cpus(tree.read(f"{folder}/online")),
        isolated=_cpus(tree.read(f"{folder}/isolated")) or CpuSet(),
        nohz_full=_cpus(tree.read(f"{folder}/nohz_full")) or CpuSet(),
    )


def all_tasks(tree: Tree) -> tuple[Task, ...]:
    """Return every thread of the machine that can be seen, by process and thread."""
    found = []
    for pid in sorted(int(name) for name in tree.list("proc") if name.isdigit()):
        for tid in sorted(int(name) for name in tree.list(f"proc/{pid}/task") if name.isdigit()):
            task = read_task(tree, pid, tid)
            found += [task] if task else []
    return tuple(found)
