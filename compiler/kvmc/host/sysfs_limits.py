"""Which CPUs and memory nodes a cpuset leaves to the reading process.

Sources: cpuset(7); Documentation/admin-guide/cgroup-v1/cpusets.rst and cgroup-v2.rst. The host is
described in full all the same; the limit is only said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmc.host.cgroups import groups_of, unescaped

if TYPE_CHECKING:
    from kvmc.cpuset import CpuSet
    from kvmc.host.tree import Reader

_V2 = ("cpuset.{}.effective",)
_V1 = ("cpuset.effective_{}", "cpuset.{}")
_V1_NOPREFIX = ("effective_{}", "{}")


class _Mount(NamedTuple):
    point: str
    names: tuple[str, ...]


def read_limits(reader: Reader) -> tuple[CpuSet | None, CpuSet | None]:
    """Return the allowed CPUs and nodes; None where no cpuset is known."""
    mount = _mount(reader)
    group = _group(reader)
    if mount is None or group is None:
        return None, None
    parts = [part for part in group.split("/") if part not in ("", ".", "..")]
    return _nearest(reader, mount, parts, "cpus"), _nearest(reader, mount, parts, "mems")


def _mount(reader: Reader) -> _Mount | None:
    """Return where cpusets are mounted; version 1 first, since it takes the controller from 2."""
    unified = None
    for line in (reader.text("proc/mounts") or "").splitlines():
        fields = line.split()
        if len(fields) < 4:  # noqa: PLR2004 - fstab(5): device, folder, type, options
            continue
        point = unescaped(fields[1]).strip("/")
        options = fields[3].split(",")
        if fields[2] == "cpuset" or (fields[2] == "cgroup" and "cpuset" in options):
            bare = fields[2] == "cpuset" or "noprefix" in options
            return _Mount(point, _V1_NOPREFIX if bare else _V1)
        if fields[2] == "cgroup2":
            unified = unified or _Mount(point, _V2)
    return unified


def _group(reader: Reader) -> str | None:
    """Return the process's cpuset below the mount."""
    direct = reader.text("proc/self/cpuset")
    if direct:
        return direct
    groups = groups_of(reader.text("proc/self/cgroup") or "", "cpuset")
    return next(iter(groups.values()), None)


def _nearest(reader: Reader, mount: _Mount, parts: list[str], what: str) -> CpuSet | None:
    """Return the value of the group or of its nearest ancestor that has the file."""
    for depth in range(len(parts), -1, -1):
        folder = "/".join((mount.point, *parts[:depth]))
        cpus = reader.cpus(*(f"{folder}/{name.format(what)}" for name in mount.names))
        if cpus:
            return cpus
    return None
