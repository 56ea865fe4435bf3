from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmc.cpuset import CpuSet
from kvmc.host.capabilities import read_capabilities
from kvmc.host.model import Core, Node
from kvmc.host.snapshot import load_host
from kvmc.host.snapshot_text import dump_host
from kvmc.source.reader import read

if TYPE_CHECKING:
    from kvmc.host.model import Host

XML = """<capabilities>
  <host>
    <cpu><arch>x86_64</arch><model>Broadwell-IBRS</model><pages unit='KiB' size='4'/></cpu>
    <topology><cells num='3'>
      <cell id='0'>
        <memory unit='KiB'>1024</memory>
        <pages unit='KiB' size='4'>256</pages>
        <pages unit='KiB' size='2048'>3</pages>
        <distances>
          <sibling id='0' value='10'/><sibling id='2' value='21'/><sibling id='5' value='30'/>
        </distances>
        <cpus num='2'>
          <cpu id='0' socket_id='1' die_id='0' core_id='0' siblings='0,4'/>
          <cpu id='4' socket_id='1' die_id='0' core_id='0' siblings='0,4'/>
        </cpus>
      </cell>
      <cell id='2'>
        <memory unit='MiB'>2</memory>
        <cpus num='1'><cpu id='1' socket_id='0' die_id='0' core_id='0' siblings='1'/></cpus>
      </cell>
      <cell id='5'><memory unit='KiB'>7</memory><cpus num='0'/></cell>
    </cells></topology>
    <cache>
      <bank id='0' level='3' type='both' size='8' unit='MiB' cpus='0,4,9'/>
      <bank id='0' level='2' type='both' size='8' unit='MiB' cpus='0-4'/>
    </cache>
  </host>
</capabilities>
"""
POWER = """<capabilities><host><cpu><arch>ppc64le</arch></cpu><topology><cells num='1'>
<cell id='0'><pages unit='KiB' size='64'>5</pages><pages unit='KiB' size='16384'>0</pages>
<cpus num='2'><cpu id='0'/><cpu id='8'/></cpus></cell></cells></topology></host></capabilities>"""


def host(xml: str) -> Host:
    value = read_capabilities(xml.encode(), "h", "h.xml").value
    assert value is not None
    return value


def codes(xml: str) -> list[str]:
    return [one.code for one in read_capabilities(xml.encode(), "h", "h.xml").diagnostics]


def test_a_whole_host() -> None:
    found = host(XML)
    assert found.cores == (
        Core(cpus=(0, 4), package=1, die=0, node=0, l3=0),
        Core(cpus=(1,), package=0, die=0, node=2),
    )
    assert found.nodes == (
        Node(id=0, memory_kib=1024, hugepages=((2048, 3),), distances=((0, 10), (2, 21), (5, 30))),
        Node(id=2, memory_kib=2048),
        Node(id=5, memory_kib=7),
    )
    assert (found.arch, found.model) == ("x86_64", None)
    assert codes(XML) == []


def test_cpus_with_only_an_id_stand_alone_and_that_is_said() -> None:
    found = host(POWER)
    assert found.cores == (Core(cpus=(0,), node=0), Core(cpus=(8,), node=0))
    assert found.nodes == (Node(id=0, hugepages=((16384, 0),)),)
    assert codes(POWER) == ["KV408", "KV416"]


def test_an_arch_of_nothing_to_print_is_absent() -> None:
    assert host(XML.replace("x86_64", "\u200b")).arch is None


def test_an_unknown_arch_is_absent() -> None:
    assert host(XML.replace("x86_64", "unknown")).arch is None


def test_cells_that_list_the_same_cpus_are_dropped() -> None:
    xml = XML.replace("<cpus num='0'/>", "<cpus num='1'><cpu id='1'/></cpus>")
    assert [node.id for node in host(xml).nodes] == [0, 2]
    assert codes(xml) == ["KV406"]
    assert host(xml).cores == host(XML).cores


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        ("", "KV401"),
        ("error: failed to connect", "KV401"),
        ("<domain/>", "KV402"),
        ("<capabilities/>", "KV400"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><capabilities/>", "KV403"),
    ],
)
def test_other_files(xml: str, code: str) -> None:
    assert codes(xml) == [code]


def test_invalid_values_are_said_and_absent() -> None:
    xml = XML.replace(">1024<", ">lots<").replace("siblings='1'", "siblings='one'")
    assert host(xml).nodes[0].memory_kib is None
    assert {"KV413", "KV408"} <= set(codes(xml))


@given(st.data())
def test_damaged_files_never_raise(data: st.DataObject) -> None:
    parts = XML.split("'")
    for index in data.draw(st.lists(st.integers(0, len(parts) // 2 - 1), max_size=6)):
        parts[2 * index + 1] = data.draw(
            st.sampled_from(["", "-1", "x", "0-3,^0", "999999999999", "0-70000", "3-1"])
        )
    outcome = read_capabilities("'".join(parts).encode(), "h", "h.xml")
    assert outcome.value is None or outcome.value.online <= CpuSet((0, 1, 4))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<sibling id='5' value='30'/>", ""),
        (
            "<sibling id='5' value='30'/>",
            "<sibling id='5' value='30'/><sibling id='5' value='31'/>",
        ),
        ("value='30'", "value='256'"),
        ("size='2048'", "size='2047'"),
        (">3</pages>", ">999999999999999</pages>"),
    ],
)
def test_what_no_host_file_can_hold_is_dropped_and_told(old: str, new: str) -> None:
    xml = XML.replace(old, new)
    assert xml != XML
    assert "KV413" in codes(xml)
    documents = read(dump_host(host(xml)).encode(), "h.yaml").value
    assert documents is not None
    assert load_host(documents[0]).value == host(xml)
