from __future__ import annotations

from kvmc.cpuset import CpuSet
from kvmc.host.model import Core, Host, Node, Policy
from kvmc.host.show import to_json, to_text

HOST = Host(
    name="box",
    arch="x86_64",
    model="Test CPU",
    nodes=(
        Node(id=0, memory_kib=2 * 1024**2, hugepages=((2048, 4),), distances=((0, 10), (7, 21))),
        Node(id=7, distances=((0, 21), (7, 10))),
    ),
    cores=(
        Core(cpus=(0, 3), package=1, die=5, node=0, l3=0, kind="performance"),
        Core(cpus=(1,), package=0, die=5, node=0, l3=1, kind="efficiency"),
        Core(cpus=(2,)),
    ),
    offline=CpuSet((9,)),
    isolated=CpuSet((1,)),
    policy=Policy(reserved=CpuSet((0,)), pools=(("dpdk", CpuSet((2,))),)),
)


def test_json_of_the_contract() -> None:
    found = to_json(HOST)
    assert found == {
        "kvmc": "v1",
        "kind": "host",
        "name": "box",
        "fingerprint": HOST.fingerprint,
        "cpus": [
            {
                "id": 0,
                "core": 0,
                "siblings": "0,3",
                "package": 1,
                "die": 0,
                "node": 0,
                "l3": 0,
                "kind": "performance",
                "isolated": False,
            },
            {
                "id": 1,
                "core": 1,
                "siblings": "1",
                "package": 0,
                "die": 1,
                "node": 0,
                "l3": 1,
                "kind": "efficiency",
                "isolated": True,
            },
            {
                "id": 2,
                "core": 2,
                "siblings": "2",
                "package": None,
                "die": None,
                "node": None,
                "l3": None,
                "kind": None,
                "isolated": False,
            },
            {
                "id": 3,
                "core": 0,
                "siblings": "0,3",
                "package": 1,
                "die": 0,
                "node": 0,
                "l3": 0,
                "kind": "performance",
                "isolated": False,
            },
        ],
        "nodes": [
            {
                "id": 0,
                "cpus": "0-1,3",
                "memory_kib": 2097152,
                "distances": {"0": 10, "7": 21},
                "hugepages": {"2MiB": 4},
            },
            {
                "id": 7,
                "cpus": "",
                "memory_kib": None,
                "distances": {"0": 21, "7": 10},
                "hugepages": {},
            },
        ],
        "offline": "9",
    }


def test_text() -> None:
    assert to_text(HOST) == (
        "x86_64, 1 or 2 threads per core, 2 sockets, 2 NUMA nodes, 2 L3 caches\n"
        "\n"
        "node  memory  huge pages  distances  CPUs\n"
        "0     2GiB    4 x 2MiB    10 21      0-1,3\n"
        "7     ?       -           21 10      none\n"
        "\n"
        "performance cores   0,3\n"
        "efficiency cores    1\n"
        "offline             9\n"
        "isolated            1\n"
        "reserved            0\n"
        "dedicated           1,3\n"
        "pool dpdk           2\n"
    )


def test_long_lists_are_wrapped_and_complete() -> None:
    cpus = range(0, 200, 2)
    wide = Host(
        name="w", nodes=(Node(id=0),), cores=tuple(Core(cpus=(cpu,), node=0) for cpu in cpus)
    )
    lines = to_text(wide).splitlines()
    assert max(map(len, lines[2:])) <= 100
    table = "".join(line.rpartition(" ")[2] for line in lines[3:])
    assert CpuSet.parse(table) == CpuSet(cpus)
