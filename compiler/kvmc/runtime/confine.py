"""Putting a guest into cgroups with the limits of its spec, and taking the cgroups away again.

    kvmc-PID-NAME      all threads; cpu.shares or cpu.weight
      vcpu0, vcpu1 ... only where there is a quota: the thread of one vCPU each

libvirt makes the same groups, and more for limits that a spec of kvmc does not have (qemu_cgroup.c:
emulator, iothreadN). Version 2 has threads apart only in a threaded subtree (cgroup-v2.rst,
"Threads"); the guest's group becomes its root. What the kernel refuses is a warning, KV766.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from kvmc.diagnostics import Diagnostic, warning
from kvmc.runtime import cgroupfs
from kvmc.runtime.limits import Group, guest_files, homes, vcpu_files
from kvmc.runtime.threads import vcpu_threads

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmc.runtime.orders import Orders
    from kvmc.runtime.qmp_driver import Monitor

_OURS = re.compile(r"kvmc-(\d+)-")
_PROC = Path("/proc")
_HINT = "run it as root, or with a group of its own: `systemd-run --scope -p Delegate=yes kvmc run`"


def confine(
    monitor: Monitor, orders: Orders, pid: int, stem: str
) -> tuple[Group | None, tuple[Diagnostic, ...]]:
    """Put QEMU and its vCPU threads into groups; return the guest's, and KV766 for refusals.

    None: there is no group, as no limit is asked or none could be made. `stem`: the guest's name
    as a file name. Threads that start later are in the guest's group, as their creator is. Raises
    Trouble (KV762) where QEMU does not tell its threads.
    """
    if not orders.limits.asked:
        return None, ()
    sweep()
    group, refused = _make(orders, f"kvmc-{pid}-{stem}")
    if group is None:
        return None, refused
    said = _write(orders.name, group, guest_files(orders.limits, group.version))
    try:
        if orders.limits.bounded and group.version == 2:  # noqa: PLR2004 - the version
            _prepare_threads(group)
        cgroupfs.write(group.path / "cgroup.procs", str(pid))
    except OSError as refusal:
        cgroupfs.remove(group.path)
        return None, (_unset(orders, [refusal]),)
    return group, said + confine_vcpus(monitor, orders, group)


def confine_vcpus(
    monitor: Monitor, orders: Orders, group: Group | None, only: int | None = None
) -> tuple[Diagnostic, ...]:
    """Put the threads of all vCPUs, or of one, where they belong; return KV766 for refusals.

    To be called before the threads get their scheduler classes.
    """
    if group is None or not (orders.limits.bounded or _needs_budget(group)):
        return ()
    found = vcpu_threads(orders.name, monitor.ask("query-cpus-fast"))
    said = tuple(warning("KV766", d.message, hint=d.hint) for d in found.diagnostics)
    for vcpu, thread in sorted((found.value or {}).items()):
        if only in (None, vcpu):
            said += _confine_vcpu(orders, group, vcpu, thread)
    return said


def _confine_vcpu(orders: Orders, group: Group, vcpu: int, thread: int) -> tuple[Diagnostic, ...]:
    who = f"{orders.name}: vCPU {vcpu}"
    wanted = orders.classes.get(vcpu)
    try:
        if wanted is not None and wanted.priority and _needs_budget(group):
            cgroupfs.write(group.path.parent / group.threads.name, str(thread))
        elif orders.limits.bounded:
            own = group.child(_leaf(vcpu))
            _make_threaded(own)
            cgroupfs.write(own.threads, str(thread))
            return _write(who, own, vcpu_files(orders.limits, own.version))
    except OSError as refusal:
        return (warning("KV766", f"{who} gets no limits: {_words(refusal)}"),)
    return ()


def _needs_budget(group: Group) -> bool:
    """Whether fifo and rr are refused in new groups, which have no real-time budget of their own.

    Version 1 with real-time group scheduling (sched-rt-group.rst). Shares and quotas do not bound
    such threads anyway, so they stay outside of the guest's group.
    """
    return (group.path / "cpu.rt_runtime_us").exists()


def release_vcpu(group: Group | None, vcpu: int) -> None:
    """Remove the group of a vCPU that was unplugged."""
    if group is not None:
        cgroupfs.remove(group.child(_leaf(vcpu)).path)


def release(group: Group | None) -> None:
    """Remove the groups of a guest that ended; what only a record calls one is left alone."""
    if group is not None and _OURS.match(group.path.name):
        cgroupfs.remove(group.path)


def sweep() -> None:
    """Remove the groups of guests that ended where nobody saw it; their names have the pid."""
    for home in _here():
        for path in cgroupfs.below(home.path):
            ours = _OURS.match(path.name)
            if ours and not (_PROC / ours[1]).exists():
                cgroupfs.remove(path)


def _here() -> tuple[Group, ...]:
    return homes(cgroupfs.read(cgroupfs.MOUNTS), cgroupfs.read(cgroupfs.OWN))


def _leaf(vcpu: int) -> str:
    return f"vcpu{vcpu}"


def _make(orders: Orders, name: str) -> tuple[Group | None, tuple[Diagnostic, ...]]:
    """Make a guest's group in the first place where that goes; KV766 has every refusal."""
    refusals: list[OSError] = []
    for home in _here():
        group = home.child(name)
        try:
            if home.version == 2:  # noqa: PLR2004 - the version
                _enable(home)
            _make_threaded(group)
        except OSError as refusal:
            cgroupfs.remove(group.path)
            refusals.append(refusal)
        else:
            return group, ()
    return None, (_unset(orders, refusals),)


def _enable(group: Group) -> None:
    """Let the groups below have the cpu controller.

    A group with processes of its own can do so too, as the controller knows threads: it becomes
    the root of a threaded subtree (cgroup-v2.rst, "Threads").
    """
    if "cpu" not in cgroupfs.read(group.path / "cgroup.controllers").split():
        raise OSError(0, "it has no cpu controller", str(group.path))
    if "cpu" not in cgroupfs.read(group.path / "cgroup.subtree_control").split():
        cgroupfs.write(group.path / "cgroup.subtree_control", "+cpu")


def _make_threaded(group: Group) -> None:
    """Make a group; in a threaded subtree it must be threaded, and is of no use before it is."""
    cgroupfs.make(group.path)
    if cgroupfs.read(group.path / "cgroup.type").strip() == "domain invalid":
        cgroupfs.write(group.path / "cgroup.type", "threaded")


def _prepare_threads(group: Group) -> None:
    """Make an empty group of version 2 the root of a threaded subtree, or a part of one."""
    first = group.child(_leaf(0))
    cgroupfs.make(first.path)
    cgroupfs.write(first.path / "cgroup.type", "threaded")
    _enable(group)


def _write(who: str, group: Group, files: Iterable[tuple[str, str]]) -> tuple[Diagnostic, ...]:
    said: tuple[Diagnostic, ...] = ()
    for file, text in files:
        try:
            cgroupfs.write(group.path / file, text)
        except OSError as refusal:
            said += (warning("KV766", f"{who}: {file} is not set to {text}: {_words(refusal)}"),)
    return said


def _unset(orders: Orders, refusals: list[OSError]) -> Diagnostic:
    why = "; ".join(map(_words, refusals)) or "no cgroup hierarchy with the cpu controller is here"
    verb = "is" if len(orders.limits.asked) == 1 else "are"
    text = f"{orders.name}: {', '.join(orders.limits.asked)} {verb} not set: {why}"
    return warning("KV766", text, hint=_HINT)


def _words(refusal: OSError) -> str:
    reason = (refusal.strerror or str(refusal)).lower()
    return f"{refusal.filename}: {reason}" if refusal.filename else reason
