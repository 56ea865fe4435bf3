"""What a host knows of itself, worked out of its cores."""

from __future__ import annotations

from kvmc.cpuset import EMPTY, CpuSet
from kvmc.host.model import Core, Host, Node

HOST = Host(
    name="h",
    nodes=(Node(id=0), Node(id=1), Node(id=7)),
    cores=(
        Core(cpus=(0, 4), node=0, l3=0),
        Core(cpus=(1, 5), node=1, l3=1),
        Core(cpus=(2,), node=0, l3=0),
        Core(cpus=(3, 6), node=0, l3=0),
        Core(cpus=(8, 9)),
    ),
)


def test_like_cores_are_together_in_the_order_of_their_first() -> None:
    assert [(one.node, one.l3, one.threads, one.cores, str(one.cpus)) for one in HOST.alike] == [
        (0, 0, 2, (0, 3), "0,3-4,6"),
        (1, 1, 2, (1,), "1,5"),
        (0, 0, 1, (2,), "2"),
        (None, None, 2, (4,), "8-9"),
    ]


def test_every_cpu_is_online_and_on_its_node() -> None:
    assert HOST.online == CpuSet([0, 1, 2, 3, 4, 5, 6, 8, 9])
    assert HOST.node_cpus == {0: CpuSet([0, 2, 3, 4, 6]), 1: CpuSet([1, 5]), 7: EMPTY}
    assert {cpu: core.cpus[0] for cpu, core in HOST.core_of.items()} == {
        0: 0, 4: 0, 1: 1, 5: 1, 2: 2, 3: 3, 6: 3, 8: 8, 9: 8
    }  # fmt: skip
