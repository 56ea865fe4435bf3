from __future__ import annotations

from kvmc.cpuset import CpuSet
from kvmc.words import both, either, many, nodes, some, vcpus


def test_lists() -> None:
    assert either(["a"]) == "a"
    assert either(["a", "b", "c"]) == "a, b or c"
    assert both(["a", "b"]) == "a and b"
    assert some(["a", "b"], 2) == "a, b"
    assert some(["a", "b", "c", "d"], 2) == "a, b and 2 more"


def test_counts() -> None:
    assert many(1, "core") == "1 core"
    assert many(0, "core") == "0 cores"
    assert vcpus(CpuSet([3])) == "vCPU 3"
    assert vcpus(CpuSet([3, 4])) == "vCPUs 3-4"
    assert nodes(CpuSet([0, 2])) == "nodes 0,2"
