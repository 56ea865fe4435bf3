from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kvmc.codes.host_snapshot import CODES
from kvmc.cpuset import CpuSet
from kvmc.diagnostics import Outcome, Severity
from kvmc.host.model import Core, Host, HostModel, Node, Policy
from kvmc.host.snapshot import load_host
from kvmc.host.snapshot_text import dump_host
from kvmc.source.problems import MAX_PROBLEMS
from kvmc.source.reader import read

GIB = 1024 * 1024

CONTRACT = """\
# yaml-language-server: $schema=../schemas/host.json
kvmc: v1
kind: host
name: kvm-07
arch: x86_64
model: Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz
nodes:
  - {id: 0, memory: 64GiB, hugepages: {2MiB: 0, 1GiB: 16}, distances: {0: 10, 1: 21}}
  - {id: 1, memory: 64GiB, hugepages: {2MiB: 0, 1GiB: 16}, distances: {0: 21, 1: 10}}
cores:
  - {package: 0, die: 0, node: 0, l3: 0, kind: performance, cpus: [[0, 28], [1, 29]]}
  - {package: 1, die: 0, node: 1, l3: 1, kind: performance, cpus: [[14, 42], [15, 43]]}
offline: ""
isolated: "15,43"
policy:
  reserved: "0,28"
  shared: "1,29"
  dedicated: "14,42"
  pools:
    dpdk: "15,43"
  overcommit: 2.5
  core_sharing: allow
"""

HEAD = "kvmc: v1\nkind: host\nname: h\n"
CORES = "cores:\n  - {cpus: [[0, 4], [1, 5], [2, 6], [3, 7]]}\n"


def _load(text: str) -> Outcome[Host]:
    documents = read(text.encode(), "h.yaml")
    assert not documents.diagnostics
    assert documents.value is not None
    return load_host(documents.value[0])


def _host(text: str) -> Host:
    outcome = _load(text)
    assert outcome.diagnostics == ()
    assert outcome.value is not None
    return outcome.value


def _codes(body: str) -> list[str]:
    return [d.code for d in _load(HEAD + body).diagnostics]


def test_the_file_of_the_contract_is_read() -> None:
    host = _host(CONTRACT)
    assert host.cores[0] == Core(cpus=(0, 28), package=0, die=0, node=0, l3=0, kind="performance")
    assert [core.cpus for core in host.cores] == [(0, 28), (1, 29), (14, 42), (15, 43)]
    assert host.nodes[1] == Node(
        id=1,
        memory_kib=64 * GIB,
        hugepages=((2048, 0), (GIB, 16)),
        distances=((0, 21), (1, 10)),
    )
    assert host.policy == Policy(
        reserved=CpuSet([0, 28]),
        shared=CpuSet([1, 29]),
        dedicated=CpuSet([14, 42]),
        pools=(("dpdk", CpuSet([15, 43])),),
        overcommit=2.5,
        core_sharing="allow",
    )
    assert host.isolated == CpuSet([15, 43])
    assert host.place is not None
    assert host.place.file == "h.yaml"


def test_the_file_of_the_contract_is_written_as_it_was_read() -> None:
    assert dump_host(_host(CONTRACT)) == CONTRACT


def test_the_smallest_host() -> None:
    host = _host(HEAD + "cores: [{cpus: [[0]]}]")
    assert host == Host(name="h", cores=(Core(cpus=(0,)),))
    assert host.policy == Policy(overcommit=4.0, core_sharing="never")
    assert dump_host(host, "host.json") == (
        "# yaml-language-server: $schema=host.json\nkvmc: v1\nkind: host\nname: h\n"
        'cores:\n  - {cpus: [[0]]}\noffline: ""\nisolated: ""\n'
    )


def test_cores_and_nodes_are_ordered_and_the_grouping_leaves_no_trace() -> None:
    apart = _host(HEAD + "nodes: [{id: 3}, {id: 1}]\ncores: [{node: 3, cpus: [[5, 1]]}, "
                  "{node: 1, cpus: [[4, 0]]}, {node: 3, cpus: [[2]]}]")  # fmt: skip
    together = _host(HEAD + "nodes: [{id: 1}, {id: 3}]\ncores: [{node: 1, cpus: [[0, 4]]}, "
                     "{node: 3, cpus: [[1, 5], [2]]}]")  # fmt: skip
    assert apart == together
    assert apart.fingerprint == together.fingerprint
    assert [core.cpus for core in apart.cores] == [(0, 4), (1, 5), (2,)]


def test_a_long_group_is_wrapped_between_cores() -> None:
    cores = tuple(Core(cpus=(n, n + 64), node=0) for n in range(64))
    host = Host(name="big", cores=cores, nodes=(Node(id=0),))
    text = dump_host(host)
    assert max(map(len, text.splitlines())) <= 100
    assert "\n      [" in text
    assert _host(text) == host


def test_the_policy_does_not_change_the_fingerprint() -> None:
    host = _host(CONTRACT)
    assert _host(dump_host(replace(host, policy=Policy()))).fingerprint == host.fingerprint


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("KV430", "cores: [{cpus: [[0, 1]]}, {cpus: [[1]]}]"),
        ("KV430", "cores: [{cpus: [[0, 0]]}]"),
        ("KV431", "cores: [{node: 0, cpus: [[0]]}]"),
        ("KV432", CORES + "offline: 7-9"),
        ("KV433", CORES + "isolated: 8"),
        ("KV434", CORES + "policy: {shared: 8}"),
        ("KV434", CORES + "policy: {pools: {x: 8}}"),
        ("KV435", CORES + "policy: {reserved: '0,4', pools: {x: 4}}"),
        ("KV435", CORES + "policy: {dedicated: '0-1', reserved: 1}"),
        ("KV435", CORES + "policy: {pools: {x: 4, y: 3-5}}"),
        ("KV436", CORES + "policy: {shared: 0}"),
        ("KV437", "cores: [{cpus: [[0]]}]\nnodes: [{id: 0, distances: {0: 10, 5: 20}}]"),
        ("KV438", "cores: [{cpus: [[0]]}]\nnodes: [{id: 0, distances: {0: 10}}, {id: 5}]"),
        ("KV439", "cores: [{cpus: [[0]]}]\nnodes: [{id: 0}, {id: 0}]"),
        ("KV442", CORES + "nodes: [{id: 0, memory: 3GiB, hugepages: {2MiB: 1025, 1GiB: 1}}]"),
        ("KV443", CORES + "nodes: [{id: 0, distances: {0: 20, 1: 10}}, {id: 1}]"),
        ("KV445", "cores: [{cpus: [[0]]}]\nnodes: [{id: 0, hugepages: {1GiB: 4, 1024MiB: 4}}]"),
        ("KV445", "cores: [{cpus: [[0]]}]\nnodes: [{id: 0, hugepages: {1GB: 4}}]"),
        ("KV444", CORES + "isolated: 1-2\npolicy: {shared: '0-1,4-5'}"),
        ("KV440", CORES + "policy: {dedicated: 0-7, pools: {x: '3,7'}}"),
    ],
)
def test_a_broken_rule_says_its_own_code_and_no_other(code: str, body: str) -> None:
    assert _codes(body) == [code]


@pytest.mark.parametrize(
    "body",
    [
        CORES + "offline: 8-9\nisolated: 3,7-8\npolicy: {reserved: '8'}",
        CORES + "policy: {shared: '0,4', reserved: 1}",
        CORES + "policy: {shared: '0', reserved: '4'}",
        CORES + "policy: {shared: '0', dedicated: '2,6'}",
        "cores: [{cpus: [[0]]}]\nnodes: [{id: 0, memory: 0KiB}, {id: 252}]",
        CORES + "nodes: [{id: 0, memory: 3GiB, hugepages: {2MiB: 1024, 1GiB: 1}}]",
        CORES + "nodes: [{id: 0, hugepages: {1GiB: 100}, distances: {0: 10}}]",
    ],
)
def test_what_is_fine_is_left_alone(body: str) -> None:
    assert _codes(body) == []


def test_only_errors_cost_the_value() -> None:
    warned = _load(HEAD + CORES + "policy: {shared: 0}")
    assert warned.value is not None
    assert warned.diagnostics[0].severity is Severity.WARNING
    noted = _load(HEAD + CORES + "policy: {dedicated: 0-7, pools: {x: '3,7'}}")
    assert noted.value is not None
    assert noted.diagnostics[0].severity is Severity.NOTE
    assert _load(HEAD + CORES + "offline: 7").value is None


def test_a_host_name_is_no_path() -> None:
    outcome = _load("kvmc: v1\nkind: host\nname: ../x\n" + CORES)
    assert [d.code for d in outcome.diagnostics] == ["KV441"]


def test_a_vm_is_no_host() -> None:
    outcome = _load("kvmc: v1\nkind: vm\nname: x\n")
    assert [d.code for d in outcome.diagnostics] == ["KV205"]


def test_a_host_model_with_blanks_is_not_broken_between_them() -> None:
    model = HostModel(type="kvm", model="a  b  c " * 20, features=(("pcid", "require"),))
    host = replace(_host(HEAD + CORES), host_models=(model,))
    assert _host(dump_host(host)) == host


@pytest.mark.parametrize(
    "many",
    [
        "nodes:\n" + "".join(f"  - {{id: {n}}}\n" for n in range(20_000)),
        "policy:\n  pools:\n" + "".join(f'    p{n}: ""\n' for n in range(20_000)),
        "policy:\n  dedicated: 10-40000\n  pools:\n"
        + "".join(f"    p{n}: {n}\n" for n in range(10, 10_010))
        + "offline: 8-40000\n",
    ],
    ids=["nodes", "empty pools", "pools of dedicated"],
)
def test_many_nodes_and_pools_do_not_take_the_square_of_their_number(many: str) -> None:
    started = process_time()
    _load(HEAD + CORES + many)
    assert process_time() - started < 15  # 3 minutes where each is compared with each


def test_of_many_problems_the_first_are_told_and_that_there_are_more() -> None:
    pools = "".join(f"    p{n}: 8\n" for n in range(MAX_PROBLEMS + 1))
    codes = [d.code for d in _load(f"{HEAD}{CORES}policy:\n  pools:\n{pools}").diagnostics]
    assert len(codes) == MAX_PROBLEMS + 1
    assert codes.index("KV118") == MAX_PROBLEMS


def test_codes_are_told() -> None:
    assert [code.code for code in CODES] == [f"KV{n}" for n in range(430, 446)]


texts = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff"
    ),
    min_size=1,
    max_size=12,
) | st.sampled_from(
    [
        "010",
        "yes",
        "null",
        "1:30",
        "- a",
        "a: b",
        "# c",
        "'",
        '"',
        "a ",
        "~",
        "=",
        "<<",
        "2026-01-01",
        "0x10",
        "1e3",
        "on",
        "AMD EPYC 7402, rev #2: {x}",
    ]
)
ids = st.none() | st.integers(0, 9000)


@st.composite
def hosts(draw: st.DrawFn) -> Host:
    """Return any host that contradicts itself nowhere."""
    node_ids = sorted(draw(st.sets(st.integers(0, 255), max_size=4)))
    rows = draw(st.booleans())
    nodes = tuple(
        Node(
            id=node,
            memory_kib=draw(st.none() | st.integers(0, 2**40)),
            hugepages=tuple(
                sorted(
                    draw(
                        st.dictionaries(st.sampled_from([64, 2048, GIB]), st.integers(0, 99))
                    ).items()
                )
            ),
            distances=tuple((other, draw(st.integers(0, 255))) for other in node_ids)
            if rows
            else (),
        )
        for node in node_ids
    )
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=9))
    cpus: list[int] = draw(st.permutations(list(range(sum(sizes) + 3))))
    cores = []
    for size in sizes:
        mine, cpus = cpus[:size], cpus[size:]
        cores.append(
            Core(
                cpus=tuple(sorted(mine)),
                package=draw(ids),
                die=draw(ids),
                node=draw(st.sampled_from([None, *node_ids])),
                l3=draw(ids),
                kind=draw(st.sampled_from([None, "performance", "efficiency", "low-power"])),
            )
        )
    cores.sort(key=lambda core: core.cpus)
    whole = [CpuSet(core.cpus) for core in cores]
    return Host(
        name=draw(st.sampled_from(["h", "010", "yes", "kvm 7", "a: b", "#1"])),
        arch=draw(st.none() | texts),
        model=draw(st.none() | texts),
        nodes=nodes,
        cores=tuple(cores),
        offline=CpuSet(cpus[:2]),
        isolated=whole[0] if draw(st.booleans()) else CpuSet(),
        policy=Policy(
            reserved=whole[0] if draw(st.booleans()) else CpuSet(),
            shared=whole[1] if len(whole) > 1 and draw(st.booleans()) else CpuSet(),
            dedicated=whole[2] if len(whole) > 2 and draw(st.booleans()) else None,
            pools=((draw(texts), whole[3]),) if len(whole) > 3 else (),
            overcommit=draw(st.floats(0.1, 1000)),
            core_sharing=draw(st.sampled_from(["never", "allow"])),
        ),
    )


@given(hosts())
def test_a_host_is_read_back_as_it_was_written(host: Host) -> None:
    text = dump_host(host)
    read_back = _load(text)
    again = read_back.value
    assert again is not None
    assert again == host
    random = {"KV442", "KV443", "KV444"}  # its numbers are
    assert {d.code for d in read_back.diagnostics} <= random
    assert again.fingerprint == host.fingerprint
    assert dump_host(again) == text
