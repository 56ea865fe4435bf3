"""Which cgroup of which version a process is in."""

from __future__ import annotations

import pytest

from kvmc.host.cgroups import groups_of, unescaped


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("0::/machine/x\n", {2: "/machine/x"}),
        ("4:cpu,cpuacct:/a\n0::/b\n", {1: "/a", 2: "/b"}),
        ("0::/b\n4:cpu:/a:c\n", {1: "/a:c", 2: "/b"}),
        ("4:cpuset:/a\n1:name=systemd:/s\n", {}),
        ("", {}),
    ],
)
def test_the_groups_of_a_controller(text: str, groups: dict[int, str]) -> None:
    assert list(groups_of(text, "cpu").items()) == list(groups.items())


def test_blanks_of_a_mount_table() -> None:
    assert unescaped(r"/mnt/a\040b\134") == "/mnt/a b\\"
