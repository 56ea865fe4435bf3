from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmc.cpuset import CpuSet
from kvmc.host.hwloc import read_hwloc
from kvmc.host.model import Core, Node

if TYPE_CHECKING:
    from kvmc.host.model import Host

V2 = """<?xml version="1.0"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="2.0">
  <object type="Machine" cpuset="0x0000000f" complete_cpuset="0x0000003f"
          allowed_cpuset="0x00000003" allowed_nodeset="0x00000001">
    <page_type size="4096" count="0"/><page_type size="2097152" count="0"/>
    <info name="Architecture" value="x86_64"/>
    <object type="Package" os_index="3" cpuset="0x0000000f">
      <info name="CPUModel" value=" Test CPU "/>
      <object type="NUMANode" os_index="0" cpuset="0x0000000f" local_memory="1048576">
        <page_type size="4096" count="9"/><page_type size="2097152" count="7"/>
      </object>
      <object type="MemCache" cpuset="0x0000000f">
        <object type="NUMANode" os_index="9" cpuset="0x0000000f" local_memory="2097152"/>
      </object>
      <object type="Die" os_index="1" cpuset="0x00000003">
        <object type="L3Cache" depth="3" cpuset="0x00000003" cache_type="0">
          <object type="Core" os_index="0" cpuset="0x00000003">
            <object type="PU" os_index="0" cpuset="0x00000001"/>
            <object type="PU" os_index="1" cpuset="0x00000002"/>
          </object>
        </object>
      </object>
      <object type="Die" os_index="0" cpuset="0x0000000c">
        <object type="Core" os_index="0" cpuset="0x00000004">
          <object type="PU" os_index="2" cpuset="0x00000004"/>
        </object>
        <object type="Core" os_index="1" cpuset="0x00000008">
          <object type="PU" os_index="3" cpuset="0x00000008"/>
        </object>
      </object>
    </object>
  </object>
  <distances2 type="NUMANode" nbobjs="2" kind="8" name="NUMABandwidth" indexing="os">
    <indexes length="3">0 9 </indexes><u64values length="9">1 2 3 4 </u64values>
  </distances2>
  <distances2 type="NUMANode" nbobjs="2" kind="5" name="NUMALatency" indexing="os">
    <indexes length="3">0 9 </indexes><u64values length="6">10 17 </u64values>
    <u64values length="6">17 10 </u64values>
  </distances2>
  <cpukind cpuset="0x0000000c" forced_efficiency="0"/>
  <cpukind cpuset="0x00000003" forced_efficiency="1"/>
</topology>
"""

V1 = """<topology>
  <object type="Machine" cpuset="0x000000ff" complete_cpuset="0x000000ff" online_cpuset="0x0000000f"
          local_memory="4194304">
    <distances nbobjs="2" relative_depth="1" latency_base="10.0">
      <latency value="1.0"/><latency value="2.1"/><latency value="2.1"/><latency value="1.0"/>
    </distances>
    <object type="NUMANode" os_index="4" cpuset="0x00000003">
      <object type="Socket" os_index="0" cpuset="0x00000003">
        <object type="Cache" depth="3" cpuset="0x00000003" cache_type="0">
          <object type="Core" cpuset="0x00000001"><object type="PU" os_index="0"/></object>
          <object type="Core" cpuset="0x00000002"><object type="PU" os_index="1"/></object>
        </object></object></object>
    <object type="NUMANode" os_index="2" cpuset="0x0000000c">
      <object type="Socket" os_index="1" cpuset="0x0000000c">
        <object type="Cache" depth="2" cpuset="0x0000000c" cache_type="0">
          <object type="Core" cpuset="0x0000001c"><object type="PU" os_index="2"/>
            <object type="PU" os_index="3"/><object type="PU" os_index="4"/></object>
        </object></object></object>
  </object>
</topology>
"""


def host(xml: str) -> Host:
    value = read_hwloc(xml.encode(), "h", "h.xml").value
    assert value is not None
    return value


def codes(xml: str) -> list[str]:
    return [one.code for one in read_hwloc(xml.encode(), "h", "h.xml").diagnostics]


def test_version_2() -> None:
    found = host(V2)
    assert found.cores == (
        Core(cpus=(0, 1), package=3, die=1, node=0, l3=0, kind="performance"),
        Core(cpus=(2,), package=3, die=0, node=0, kind="efficiency"),
        Core(cpus=(3,), package=3, die=0, node=0, kind="efficiency"),
    )
    assert found.nodes == (
        Node(id=0, memory_kib=1024, hugepages=((2048, 7),), distances=((0, 10), (9, 17))),
        Node(id=9, memory_kib=2048, distances=((0, 17), (9, 10))),
    )
    assert found.offline == CpuSet((4, 5))
    assert (found.arch, found.model) == ("x86_64", "Test CPU")
    assert codes(V2) == ["KV410", "KV410"]


def test_version_3_differs_in_its_number_only() -> None:
    assert host(V2.replace('"2.0"', '"3.0"')) == host(V2)


def test_version_1() -> None:
    found = host(V1)
    assert found.cores == (
        Core(cpus=(0,), package=0, node=4, l3=0),
        Core(cpus=(1,), package=0, node=4, l3=0),
        Core(cpus=(2, 3), package=1, node=2),
    )
    assert found.nodes == (
        Node(id=2, distances=((2, 10), (4, 21))),
        Node(id=4, distances=((2, 21), (4, 10))),
    )
    assert found.offline == CpuSet((4, 5, 6, 7))


def test_without_nodes_one_is_assumed_with_the_machine_memory() -> None:
    xml = V1.replace('"NUMANode"', '"Group"')
    assert host(xml).nodes == (Node(id=0, memory_kib=4096),)
    assert "KV405" in codes(xml)


def kind(cpuset: str, name: str = "", value: int = 0, rank: int | None = None) -> str:
    forced = "" if rank is None else f' forced_efficiency="{rank}"'
    info = f'<info name="{name}" value="{value}"/>' if name else ""
    return f'<cpukind cpuset="{cpuset}"{forced}>{info}</cpukind>'


MAX, CAPACITY = "FrequencyMaxMHz", "LinuxCapacity"


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([kind("0xf")], [None, None, None]),
        ([kind("0x3", MAX, 5000), kind("0xc", MAX, 5200)], [None, None, None]),
        (
            [
                kind("0x4", CAPACITY, 718, 0),
                kind("0x8", CAPACITY, 997, 1),
                kind("0x3", CAPACITY, 1024, 2),
            ],
            ["performance", "efficiency", "performance"],
        ),
        ([kind("0x4"), kind("0x3")], ["performance", "efficiency", None]),
    ],
)
def test_kinds(kinds: list[str], expected: list[str | None]) -> None:
    head = V2.partition("  <cpukind")[0]
    assert [core.kind for core in host(head + "".join(kinds) + "</topology>").cores] == expected


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        ("", "KV401"),
        ("<topology", "KV401"),
        ("not xml", "KV401"),
        ("<capabilities/>", "KV402"),
        ("<topology/>", "KV400"),
        ('<!DOCTYPE topology [<!ENTITY a "b">]><topology>&a;</topology>', "KV403"),
    ],
)
def test_other_files(xml: str, code: str) -> None:
    outcome = read_hwloc(xml.encode(), "h", "h.xml")
    assert outcome.value is None
    assert [one.code for one in outcome.diagnostics] == [code]


def test_invalid_values_are_said_and_absent() -> None:
    xml = V2.replace('local_memory="1048576"', 'local_memory="much"')
    assert host(xml).nodes[0].memory_kib is None
    assert "KV413" in codes(xml)


@given(st.data())
def test_damaged_files_never_raise(data: st.DataObject) -> None:
    """Any attribute may hold anything; CPUs come from PU objects only."""
    text = data.draw(st.sampled_from([V1, V2]))
    parts = text.split('"')
    for index in data.draw(st.lists(st.integers(0, len(parts) // 2 - 1), max_size=6)):
        parts[2 * index + 1] = data.draw(
            st.sampled_from(
                ["", "-1", "x", "0x0", "0xf...f", "999999999999", "0x" + "f" * 8 + ",f" * 3, "PU"]
            )
        )
    outcome = read_hwloc('"'.join(parts).encode(), "h", "h.xml")
    assert outcome.value is None or outcome.value.online <= CpuSet((0, 1, 2, 3, 4))
