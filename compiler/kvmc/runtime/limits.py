"""CPU limits of a guest as files of cgroups, and where this process may make cgroups. Pure.

libvirt's <cputune> (formatdomain.html, "CPU Tuning"): shares are the whole guest's, period and
quota each vCPU's. Files: Documentation/admin-guide/cgroup-v1/cgroups.rst and
Documentation/scheduler/sched-bwc.rst; Documentation/admin-guide/cgroup-v2.rst, "CPU".
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from kvmc.host.cgroups import groups_of, unescaped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SHARES, _WEIGHT = 1024, 100
"""What the kernel gives a group that nobody asked about, in cpu.shares and in cpu.weight."""
_WEIGHTS = (1, 10000)
_PERIOD = 100_000
"""The kernel's own period, in microseconds."""


class Limits(Struct, frozen=True, kw_only=True):
    """`tune.shares`, `period` and `quota`; the latter two in microseconds, quota -1 for none."""

    shares: int | None = None
    period: int | None = None
    quota: int | None = None

    @property
    def bounded(self) -> bool:
        """Whether vCPUs have a bound: a period bounds nothing without a quota."""
        return self.quota is not None and self.quota > 0

    @property
    def asked(self) -> tuple[str, ...]:
        """The keys of the spec that make a cgroup necessary."""
        given = [name for name in ("period", "quota") if getattr(self, name) is not None]
        return (
            *(("tune.shares",) if self.shares is not None else ()),
            *(f"tune.{name}" for name in given if self.bounded),
        )


def to_json(limits: Limits) -> dict[str, int | None]:
    """Return what `from_json` reads."""
    return {"shares": limits.shares, "period": limits.period, "quota": limits.quota}


def from_json(data: Mapping[str, Any]) -> Limits:
    """Read what `to_json` wrote."""
    return Limits(shares=data["shares"], period=data["period"], quota=data["quota"])


class Group(Struct, frozen=True, kw_only=True):
    """A cgroup of the hierarchy that has the cpu controller."""

    version: Literal[1, 2]
    path: Path

    @property
    def threads(self) -> Path:
        """The file that takes a thread in."""
        return self.path / ("tasks" if self.version == 1 else "cgroup.threads")

    def child(self, name: str) -> Group:
        """Return the group of that name below."""
        return Group(version=self.version, path=self.path / name)


def weight_of(shares: int) -> int:
    """Return cpu.weight for shares: 1024 shares and weight 100 are what every group has.

    The kernel scales so (sched_weight_from_cgroup of kernel/sched/core.c) and systemd does
    (CPUShares= of old units). libvirt writes the number of <shares> into cpu.weight as it is,
    and refuses more than 10000 there.
    """
    low, high = _WEIGHTS
    return min(high, max(low, shares * _WEIGHT // _SHARES))


def guest_files(limits: Limits, version: Literal[1, 2]) -> tuple[tuple[str, str], ...]:
    """Return (file, text) for the guest's group."""
    if limits.shares is None:
        return ()
    if version == 1:
        return (("cpu.shares", str(limits.shares)),)
    return (("cpu.weight", str(weight_of(limits.shares))),)


def vcpu_files(limits: Limits, version: Literal[1, 2]) -> tuple[tuple[str, str], ...]:
    """Return (file, text) for the group of one vCPU, in the order to write them in."""
    if not limits.bounded:
        return ()
    period = _PERIOD if limits.period is None else limits.period
    if version == 1:
        return (("cpu.cfs_period_us", str(period)), ("cpu.cfs_quota_us", str(limits.quota)))
    return (("cpu.max", f"{limits.quota} {period}"),)


def homes(mountinfo: str, own: str) -> tuple[Group, ...]:
    """Return the groups a guest's may be made below: this process's own, then the topmost.

    `mountinfo`, `own`: /proc/self/mountinfo and /proc/self/cgroup (proc(5), cgroups(7)). The
    controller is in one hierarchy only: of version 1 where one is mounted with it, else of
    version 2. () where there is none.
    """
    found: list[Group] = []
    for version, top, root in sorted(_mounts(mountinfo), key=lambda one: one[0])[:1]:
        inside = groups_of(own, "cpu").get(version)
        below = _below(inside, root) if inside is not None else None
        if below is not None:
            found.append(Group(version=version, path=top / below))
        found.append(Group(version=version, path=top))
    return tuple(dict.fromkeys(found))


def _mounts(mountinfo: str) -> Iterator[tuple[Literal[1, 2], Path, str]]:
    """Yield (version, mount point, what of the hierarchy is mounted there)."""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(" "), right.split(" ")
        if kind[0] == "cgroup" and "cpu" in kind[-1].split(","):
            yield 1, Path(unescaped(fields[4])), unescaped(fields[3])
        elif kind[0] == "cgroup2":
            yield 2, Path(unescaped(fields[4])), unescaped(fields[3])


def _below(path: str, root: str) -> str | None:
    """Return a group's path below the mount; None where it is outside (a container's view)."""
    prefix = root.rstrip("/")
    if "/../" in f"{path}/" or not f"{path}/".startswith(f"{prefix}/"):
        return None
    return path.removeprefix(prefix).lstrip("/")
