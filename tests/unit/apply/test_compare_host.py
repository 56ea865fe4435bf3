"""A described host against the machine: what placement depends on, and what it does not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kvmc.apply.compare_host import differences
from kvmc.cpuset import CpuSet
from kvmc.host.model import Core, Host, Node
from kvmc.host.snapshot import load_host
from kvmc.host.snapshot_text import dump_host
from kvmc.host.sysfs import read_tree
from kvmc.source.reader import read
from tests.unit.host.trees import DictTree, smt_host

HOST = Host(
    name="h",
    nodes=(
        Node(id=0, memory_kib=1_000_000, hugepages=((2048, 4),)),
        Node(id=1, memory_kib=1_000_000),
    ),
    cores=(
        Core(cpus=(0, 4), package=0, node=0, l3=0),
        Core(cpus=(1, 5), package=0, node=0, l3=0),
        Core(cpus=(2, 6), package=1, node=1, l3=2),
        Core(cpus=(3, 7), package=1, node=1, l3=2),
    ),
    isolated=CpuSet((3, 7)),
)
_SIBLINGS = "2-3 here, 2,6 described; 2-3 here, 3,7 described; 6-7 here, 2,6 described"


def _found(**given: object) -> list[str]:
    return list(differences(HOST, replace(HOST, **given)))


def _cores(**given: object) -> tuple[Core, ...]:
    """Return the host's cores with the last one changed."""
    return (*HOST.cores[:-1], replace(HOST.cores[-1], **given))


def test_a_host_does_not_differ_from_itself_nor_from_its_file() -> None:
    probed = read_tree(DictTree(smt_host()), "h").value
    assert probed is not None
    (document,) = read(dump_host(probed).encode(), "h.yaml").value or ()
    described = load_host(document).value
    assert described is not None
    assert described.fingerprint == probed.fingerprint
    assert list(differences(described, probed)) == []
    assert _found() == []


def test_what_placement_does_not_depend_on_is_no_difference() -> None:
    assert _found(arch="x86_64", model="Another CPU", offline=CpuSet((9,))) == []
    renumbered = tuple(replace(core, package=7, l3=(core.l3 or 0) + 5) for core in HOST.cores)
    assert _found(cores=renumbered) == []


def test_what_one_side_does_not_tell_is_not_compared() -> None:
    bare = tuple(replace(core, node=None, l3=None) for core in HOST.cores)
    assert _found(cores=bare, nodes=()) == []
    nodes = tuple(replace(node, memory_kib=None, hugepages=()) for node in HOST.nodes)
    assert _found(nodes=nodes) == []


@pytest.mark.parametrize(
    ("cores", "words"),
    [
        (HOST.cores[:-1], ["online CPUs: 0-2,4-6 here, 0-7 described"]),
        (_cores(cpus=(3,)), ["online CPUs: 0-6 here, 0-7 described"]),
        (_cores(node=0), ["NUMA node: of 3,7: 0 here, 1 described"]),
        (
            _cores(l3=9),
            [
                "last-level cache: 2,6 here, 2-3,6-7 described; 3,7 here, 2-3,6-7 described",
            ],
        ),
        (
            (*HOST.cores[:2], Core(cpus=(2, 3), node=1, l3=2), Core(cpus=(6, 7), node=1, l3=2)),
            [f"thread siblings: {_SIBLINGS}; and 1 more"],
        ),
    ],
)
def test_cpus_that_are_arranged_otherwise(cores: tuple[Core, ...], words: list[str]) -> None:
    assert _found(cores=cores) == words


def test_kinds_and_isolation_count() -> None:
    kinds = replace(HOST, cores=_cores(kind="performance"))
    here = replace(HOST, cores=_cores(kind="efficiency"))
    assert list(differences(kinds, here)) == [
        "kind of core: of 3,7: efficiency here, performance described"
    ]
    assert _found(isolated=CpuSet()) == ["isolated CPUs: none here, 3,7 described"]


@pytest.mark.parametrize(("kib", "told"), [(980_000, False), (979_999, True), (2_000_000, False)])
def test_only_clearly_less_memory_is_told(kib: int, told: bool) -> None:
    found = _found(nodes=(HOST.nodes[0], Node(id=1, memory_kib=kib)))
    assert found == ["memory of node 1: 957MiB here, 976MiB described"] * told


def test_huge_pages_and_nodes_that_are_gone() -> None:
    fewer, more = ((replace(HOST.nodes[0], hugepages=((2048, n),)), HOST.nodes[1]) for n in (3, 5))
    assert _found(nodes=fewer) == ["huge pages of 2MiB on node 0: 3 here, 4 described"]
    assert _found(nodes=more) == []
    assert _found(nodes=HOST.nodes[:1]) == ["node 1: not here, and described"]
