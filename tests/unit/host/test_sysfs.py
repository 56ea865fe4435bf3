from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmc.cpuset import CpuSet
from kvmc.host.model import Core, Node
from kvmc.host.sysfs import read_tree
from tests.unit.host.trees import CPU, NODE, DictTree, cache, cpu_files, plain, smt_host

if TYPE_CHECKING:
    from kvmc.diagnostics import Outcome
    from kvmc.host.model import Host


def read(files: dict[str, str], **more: str) -> Outcome[Host]:
    return read_tree(DictTree(files | more), "h", file="tree")


def host(files: dict[str, str], **more: str) -> Host:
    value = read(files, **more).value
    assert value is not None
    return value


def codes(files: dict[str, str]) -> set[str]:
    return {one.code for one in read(files).diagnostics}


def column(found: Host, name: str) -> list[object]:
    return [getattr(core, name) for core in found.cores]


def siblings(found: Host) -> list[tuple[int, ...]]:
    return [core.cpus for core in found.cores]


def test_a_whole_host() -> None:
    outcome = read(smt_host())
    found = outcome.value
    assert found is not None
    assert outcome.diagnostics == ()
    assert found.cores == (
        Core(cpus=(0, 4), package=0, node=0, l3=0),
        Core(cpus=(1, 5), package=0, node=0, l3=0),
        Core(cpus=(2, 6), package=1, node=1, l3=1),
        Core(cpus=(3, 7), package=1, node=1, l3=1),
    )
    assert found.nodes == (
        Node(id=0, memory_kib=1024, hugepages=((2048, 4),), distances=((0, 10), (1, 21))),
        Node(id=1, memory_kib=2048, hugepages=((2048, 4),), distances=((0, 21), (1, 10))),
    )
    assert (found.model, found.arch) == ("Test CPU @ 2.00GHz", "x86_64")


def test_no_cpu_at_all() -> None:
    outcome = read({"proc/meminfo": "MemTotal: 1 kB"})
    assert outcome.value is None
    assert [one.code for one in outcome.diagnostics] == ["KV400"]


def test_masks_nul_bytes_and_unsorted_lists_say_the_same() -> None:
    files = smt_host()
    for cpu in range(8):
        folder = f"{CPU}/cpu{cpu}/topology"
        mask = 0x11 << cpu % 4
        files[f"{folder}/thread_siblings"] = f"0000,00000000,{mask:08x}\n\0"
        del files[f"{folder}/thread_siblings_list"]
        files[f"{folder}/core_siblings_list"] = ("4-5,0-1\n\0", "6,7,2-3\n\0")[cpu % 4 // 2]
    files[f"{NODE}/node0/cpulist"] = "5,4,0-1\n"
    assert host(files).cores == host(smt_host()).cores


def test_newer_names_win_over_older_ones() -> None:
    files = smt_host()
    for cpu in range(8):
        files[f"{CPU}/cpu{cpu}/topology/core_cpus_list"] = f"{cpu}\n"
    assert siblings(host(files)) == [(cpu,) for cpu in range(8)]


def test_offline_cpus_are_taken_out_everywhere() -> None:
    files = smt_host()
    files[f"{CPU}/online"] = "0-3,5-7\n"
    found = host(files)
    assert siblings(found)[0] == (0,)
    assert found.offline == CpuSet((4,))
    assert found.node_cpus[0] == CpuSet((0, 1, 5))


def test_no_online_file_means_a_file_for_each_cpu() -> None:
    files = smt_host()
    del files[f"{CPU}/online"]
    files |= {f"{CPU}/cpu{cpu}/online": "1\n" for cpu in range(1, 8)}
    files[f"{CPU}/cpu7/online"] = "0\n"
    assert host(files).online == CpuSet(range(7))
    assert host(files).offline == CpuSet((7,))


def test_only_the_kernels_names_of_cpus_are_cpus() -> None:
    others = ("cpu", "cpu08", "cpufreq", "cpu-1", "cpu9x", "cpu99999999")
    odd = {f"{CPU}/{name}/online": "1\n" for name in others}
    assert host(smt_host() | odd) == host(smt_host())


def test_an_online_cpu_without_a_folder_is_left_out() -> None:
    files = smt_host()
    files[f"{CPU}/online"] = "0-8\n"
    found = host(files)
    assert found.online == CpuSet(range(8))
    assert found.offline == CpuSet()
    assert "KV412" in codes(files)


def test_core_id_never_joins_cpus() -> None:
    assert siblings(host(plain(4))) == [(0,), (1,), (2,), (3,)]


def test_unknown_siblings_stand_alone_and_are_said() -> None:
    files = plain(4)
    del files[f"{CPU}/cpu2/topology/thread_siblings_list"]
    assert siblings(host(files)) == [(0,), (1,), (2,), (3,)]
    assert "KV408" in codes(files)


def test_one_sided_siblings_are_joined_and_said() -> None:
    files = plain(3)
    files[f"{CPU}/cpu0/topology/thread_siblings_list"] = "0,2\n"
    assert siblings(host(files)) == [(0, 2), (1,)]
    assert "KV409" in codes(files)


def test_a_sibling_without_a_file_is_known_through_the_other() -> None:
    files = smt_host()
    del files[f"{CPU}/cpu4/topology/thread_siblings_list"]
    assert siblings(host(files))[0] == (0, 4)
    assert "KV408" not in codes(files)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (("36", "36", "8442", "8442"), [36, 36, 8442, 8442]),
        (("-1", "-1", "-1", "-1"), [0, 0, 1, 1]),
        (("5", "5", "5", "5"), [0, 0, 1, 1]),
        (("5", "7", "9", "9"), [0, 0, 1, 1]),
    ],
)
def test_packages_keep_ids_that_tell_them_apart(ids: tuple[str, ...], expected: list[int]) -> None:
    files = plain(4)
    for cpu, number in enumerate(ids):
        files |= cpu_files(
            cpu, siblings=str(cpu), package=0, package_cpus="0-1" if cpu < 2 else "2-3"
        )
        files[f"{CPU}/cpu{cpu}/topology/physical_package_id"] = number
    assert column(host(files), "package") == expected


def test_packages_by_id_alone_and_not_at_all() -> None:
    files = plain(3)
    for cpu in range(3):
        del files[f"{CPU}/cpu{cpu}/topology/core_siblings_list"]
    files[f"{CPU}/cpu2/topology/physical_package_id"] = "4"
    assert column(host(files), "package") == [0, 0, 4]
    files = {path: text for path, text in files.items() if "package" not in path}
    assert column(host(files), "package") == [None] * 3


def test_dies_count_within_a_package_and_minus_one_is_none() -> None:
    files = plain(4)
    for cpu, die in enumerate((1, 1, 0, 0)):
        files[f"{CPU}/cpu{cpu}/topology/die_id"] = f"{die}\n"
        files[f"{CPU}/cpu{cpu}/topology/die_cpus_list"] = "0-1" if cpu < 2 else "2-3"
    assert column(host(files), "die") == [1, 1, 0, 0]
    for cpu in range(4):
        files[f"{CPU}/cpu{cpu}/topology/die_id"] = "-1\n"
        files[f"{CPU}/cpu{cpu}/topology/die_cpus_list"] = f"{cpu}\n"
    assert column(host(files), "die") == [None] * 4


def test_the_level_decides_what_is_an_l3() -> None:
    files = plain(4)
    for cpu in range(4):
        files |= cache(cpu, 0, 1, str(cpu), "Data")
        files |= cache(cpu, 1, 4, "0-3")
        if cpu < 2:
            files |= cache(cpu, 2, 3, "0-1")
    assert column(host(files), "l3") == [0, 0, None, None]


def test_an_l3_of_size_zero_is_none_and_one_without_sharing_is_told_by_its_id() -> None:
    files = plain(4)
    for cpu in range(4):
        files |= {
            f"{CPU}/cpu{cpu}/cache/index3/level": "3",
            f"{CPU}/cpu{cpu}/cache/index3/id": str(9 - cpu // 2),
        }
    assert column(host(files), "l3") == [0, 0, 1, 1]
    files |= {f"{CPU}/cpu{cpu}/cache/index3/size": "0K\n" for cpu in range(4)}
    assert column(host(files), "l3") == [None] * 4


def test_sparse_nodes_distances_and_nodes_without_cpus() -> None:
    files = plain(2) | {
        f"{NODE}/online": "0,33,72\n\0",
        f"{NODE}/node0/cpumap": "00000000,00000001",
        f"{NODE}/node0/distance": "10 20 22",
        f"{NODE}/node33/cpulist": "1",
        f"{NODE}/node33/distance": "20 10 21",
        f"{NODE}/node72/cpulist": "\n",
        f"{NODE}/node72/distance": "22 21",
        f"{NODE}/node72/meminfo": "Node 72 MemTotal:  0 kB",
    }
    outcome = read(files)
    found = outcome.value
    assert found is not None
    assert found.nodes == (
        Node(id=0, distances=((0, 10), (33, 20), (72, 22))),
        Node(id=33, distances=((0, 20), (33, 10), (72, 21))),
        Node(id=72, memory_kib=0),
    )
    assert found.node_cpus[72] == CpuSet()
    assert any("node72/distance" in one.message for one in outcome.diagnostics)


def test_nodes_that_list_the_same_cpus_are_dropped_with_a_warning() -> None:
    files = plain(2) | {f"{NODE}/node{node}/cpulist": "0-1" for node in range(3)}
    found = host(files)
    assert [node.id for node in found.nodes] == [0]
    assert "KV406" in codes(files)


def test_cpus_of_no_node_have_none() -> None:
    files = plain(3) | {f"{NODE}/node0/cpulist": "0-1,5"}
    assert column(host(files), "node") == [0, 0, None]
    assert "KV407" in codes(files)


def test_without_node_folders_one_node_is_assumed() -> None:
    files = plain(2) | {
        "proc/meminfo": "MemTotal:        2048 kB\n",
        "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages": "2\n",
    }
    assert host(files).nodes == (Node(id=0, memory_kib=2048, hugepages=((1048576, 2),)),)
    assert column(host(files), "node") == [0, 0]
    assert "KV405" in codes(files)


def test_threads_in_two_nodes_have_none() -> None:
    files = smt_host()
    files[f"{NODE}/node0/cpulist"] = "0-1,5"
    files[f"{NODE}/node1/cpulist"] = "2-4,6-7"
    assert host(files).cores[0].node is None
    assert "KV411" in codes(files)


def test_isolated_cpus_that_do_not_exist_are_not_named() -> None:
    files = smt_host() | {f"{CPU}/isolated": "4-11\n"}
    assert host(files).isolated == CpuSet(range(4, 8))


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (
            {
                "proc/mounts": "none /dev/cpuset cpuset rw 0 0",
                "proc/self/cpuset": "/a",
                "dev/cpuset/a/cpus": "0-3",
                "dev/cpuset/a/mems": "0",
            },
            2,
        ),
        (
            {
                "proc/mounts": "c /sys/fs/cgroup cgroup2 rw 0 0",
                "proc/self/cgroup": "0::/x/y",
                "sys/fs/cgroup/x/cpuset.cpus.effective": "0-3",
                "sys/fs/cgroup/x/cpuset.mems.effective": "0-1",
            },
            1,
        ),
        (
            {
                "proc/mounts": "c /c\\040g cgroup rw,cpuset 0 0",
                "proc/self/cgroup": "3:cpuset:/x",
                "c g/x/cpuset.cpus": "0-7",
            },
            0,
        ),
    ],
)
def test_a_cpuset_of_the_reader_is_said_and_changes_nothing(
    extra: dict[str, str], said: int
) -> None:
    outcome = read(smt_host() | extra)
    assert [one.code for one in outcome.diagnostics] == ["KV410"] * said
    assert outcome.value == host(smt_host())


def kinds(files: dict[str, str]) -> list[object]:
    return column(host(files), "kind")


def each(name: str, *values: object) -> dict[str, str]:
    return {f"{CPU}/cpu{cpu}/{name}": f"{value}\n" for cpu, value in enumerate(values)}


MAX = "cpufreq/cpuinfo_max_freq"
BASE = "cpufreq/base_frequency"
MIDR = "regs/identification/midr_el1"
BIG_LITTLE = ("0x411fd4e0", "0x411fd4d0", "0x412fd470")
"""Cortex-X3, A715 and A710, of which only the first is of another class."""


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"sys/devices/cpu_core/cpus": "0", "sys/devices/cpu_atom/cpus": "1-2"}, "pee"),
        (
            {
                "sys/devices/cpu_core/cpus": "0",
                "sys/devices/cpu_atom/cpus": "1",
                "sys/devices/cpu_lowpower/cpus": "2",
            },
            "pel",
        ),
        (
            {
                "sys/devices/cpu_core/cpus": "0",
                "sys/devices/cpu_atom/cpus": "1-2",
                **each(MAX, 4800000, 3800000, 2100000),
            },
            "pel",
        ),
        ({"sys/devices/cpu_core/cpus": "0-2"}, "..."),
        (each(MAX, 5200000, 5000000, 5000000), "..."),
        (each(MAX, 5000000, 5000000, 3900000), "ppe"),
        (each(MAX, 5000000, 5000000, 3900000) | each(BASE, 2000000, 2000000, 2000000), "..."),
        (each("cpu_capacity", 1024, 855, 280), "pel"),
        (each("cpu_capacity", 1024, 1010, 997), "..."),
        (
            each("cpu_capacity", 718, 997, 1024)
            | each(MIDR, "0x410fd871", "0x410fd851", "0x410fd851"),
            "epp",
        ),
        (each("cpu_capacity", 1024, 800, 500) | each(MIDR, *["0x410fd851"] * 3), "..."),
        (each(MIDR, "0x410fd034", "0x410fd034", "0x410fd082"), "eep"),
        (each(MIDR, "0x610f0220", "0x610f0220", "0x610f0230"), "..."),
        # two designs of which nothing says that one is faster are one kind
        (each(MIDR, *BIG_LITTLE), "pee"),
        (each(MIDR, *BIG_LITTLE) | each(MAX, 3187200, 2803200, 2803200), "pee"),
        (each(MIDR, *BIG_LITTLE) | each(MAX, 2803200, 2803200, 2803200), "pee"),
        (
            {
                "proc/cpuinfo": "".join(
                    f"processor : {cpu}\nCPU implementer : 0x41\nCPU part : {part}\n"
                    for cpu, part in enumerate(("0xd03", "0xd03", "0xd08"))
                )
            },
            "eep",
        ),
    ],
)
def test_kinds(extra: dict[str, str], expected: str) -> None:
    words = {"p": "performance", "e": "efficiency", "l": "low-power", ".": None}
    assert kinds(plain(3) | extra) == [words[letter] for letter in expected]


def test_smt_alone_is_no_kind() -> None:
    files = plain(3)
    files[f"{CPU}/cpu0/topology/thread_siblings_list"] = "0-1"
    files[f"{CPU}/cpu1/topology/thread_siblings_list"] = "0-1"
    assert kinds(files) == [None, None]


def test_control_characters_of_a_model_are_dropped() -> None:
    assert host(plain(1) | {"proc/cpuinfo": "model name : a\x1b[31mb\n"}).model == "a[31mb"


GARBAGE = st.sampled_from(
    [
        "",
        "\n",
        "\0",
        "x",
        "(null)",
        "-1",
        "0-",
        "99999999999999999999",
        "0-70000",
        "ff,ffffffff,ffffffff",
        "٣",
        "0x",
        "3-1",
        "^0",
        "0" * 5000,
    ]
)


@given(st.data())
def test_damaged_trees_give_facts_of_the_whole_one_or_none(data: st.DataObject) -> None:
    """Whatever is lost or garbled: no exception, and no CPU, node or memory that was not there."""
    files = smt_host()
    paths = sorted(files)
    for path in data.draw(st.lists(st.sampled_from(paths), max_size=12, unique=True)):
        garbage = data.draw(st.none() | GARBAGE)
        if garbage is None:
            del files[path]
        else:
            files[path] = garbage
    whole, found = host(smt_host()), read(files).value
    if found is None:
        return
    assert found.online <= whole.online
    assert {node.id for node in found.nodes} <= {0, 1}
    assert all(node.memory_kib in (None, 1024, 2048) for node in found.nodes)
    assert sorted(cpu for core in found.cores for cpu in core.cpus) == list(found.online)
    assert all(core.kind is None for core in found.cores)


@given(st.data())
def test_lost_files_never_change_a_known_fact(data: st.DataObject) -> None:
    files = smt_host()
    for path in data.draw(st.lists(st.sampled_from(sorted(files)), max_size=20, unique=True)):
        del files[path]
    whole, found = host(smt_host()), host(files)
    kept = {node.id for node in found.nodes}
    for cpu, core in found.core_of.items():
        truth = whole.core_of[cpu]
        assert set(core.cpus) <= set(truth.cpus)
        assert core.package in (None, truth.package)
        assert core.node in (None, truth.node) or kept == {0}
    assert all(dict(node.distances).get(node.id, 10) == 10 for node in found.nodes)
