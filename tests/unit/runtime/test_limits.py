from __future__ import annotations

from pathlib import Path

import pytest

from kvmc.runtime.limits import (
    Group,
    Limits,
    from_json,
    guest_files,
    homes,
    to_json,
    vcpu_files,
    weight_of,
)

# Captured: a Firecracker VM with a hierarchy for each controller, Debian 12, a container's view of
# version 1 (no cgroup namespace), and one of version 2 (with one).
HYBRID = """\
24 22 0:22 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
26 24 0:24 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
27 24 0:25 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
25 24 0:23 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
34 24 0:32 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
HYBRID_OWN = "9:name=systemd:/\n3:cpuset:/\n2:cpuacct:/\n1:cpu:/\n0::/\n"
DEBIAN = (
    "27 23 0:24 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - "
    "cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
)
DEBIAN_OWN = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope\n"
CONTAINER = (
    "1040 1031 0:31 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
)
CPU = Path("/sys/fs/cgroup/cpu")
TOP = Path("/sys/fs/cgroup")


def test_a_guest_may_go_below_the_own_group_or_the_topmost() -> None:
    assert homes(HYBRID, HYBRID_OWN) == (Group(version=1, path=CPU),)
    own = HYBRID_OWN.replace("cpu:/", "cpu:/a/b")
    assert [home.path for home in homes(HYBRID, own)] == [CPU / "a" / "b", CPU]
    inner, top = homes(DEBIAN, DEBIAN_OWN)
    assert (inner.version, top.version, top.path) == (2, 2, TOP)
    assert inner.path == TOP / "user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope"
    assert inner.threads == inner.path / "cgroup.threads"
    assert homes("", DEBIAN_OWN) == ()
    assert homes(HYBRID.partition("25 24")[0], HYBRID_OWN) == ()


@pytest.mark.parametrize(
    ("own", "below"),
    [
        ("4:cpu,cpuacct:/docker/abc/x\n", ["x", ""]),
        ("4:cpu,cpuacct:/docker/abc\n", [""]),
        ("4:cpu,cpuacct:/docker/abcd\n", [""]),
        ("4:cpu,cpuacct:/docker/abc/../x\n", [""]),
        ("4:memory:/docker/abc/x\n", [""]),
    ],
)
def test_a_container_sees_a_part_of_the_hierarchy(own: str, below: list[str]) -> None:
    top = TOP / "cpu,cpuacct"
    assert [home.path for home in homes(CONTAINER, own)] == [top / name for name in below]


def test_blanks_in_a_mount_point() -> None:
    line = r"27 23 0:24 / /mnt/a\040b rw - cgroup2 none rw"
    assert homes(line, "0::/\n") == (Group(version=2, path=Path("/mnt/a b")),)


def test_outside_of_the_namespaces_root() -> None:
    assert [home.path for home in homes(DEBIAN, "0::/../x\n")] == [TOP]


@pytest.mark.parametrize(
    ("shares", "weight"), [(1024, 100), (2048, 200), (2, 1), (512, 50), (262144, 10000)]
)
def test_shares_as_a_weight(shares: int, weight: int) -> None:
    assert weight_of(shares) == weight


def test_what_is_written() -> None:
    limits = Limits(shares=2048, period=50000, quota=20000)
    assert limits.asked == ("tune.shares", "tune.period", "tune.quota")
    assert guest_files(limits, 1) == (("cpu.shares", "2048"),)
    assert guest_files(limits, 2) == (("cpu.weight", "200"),)
    assert vcpu_files(limits, 1) == (("cpu.cfs_period_us", "50000"), ("cpu.cfs_quota_us", "20000"))
    assert vcpu_files(limits, 2) == (("cpu.max", "20000 50000"),)
    assert vcpu_files(Limits(quota=20000), 2) == (("cpu.max", "20000 100000"),)


@pytest.mark.parametrize("limits", [Limits(), Limits(period=1000), Limits(period=1000, quota=-1)])
def test_what_bounds_nothing_needs_no_group(limits: Limits) -> None:
    assert limits.asked == ()
    assert guest_files(limits, 2) == vcpu_files(limits, 2) == ()


def test_limits_survive_json() -> None:
    limits = Limits(shares=2, quota=1000)
    assert from_json(to_json(limits)) == limits
