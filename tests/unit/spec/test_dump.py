"""A dumped VM is read back as the same VM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.source.quote import quote
from kvmc.source.reader import read
from kvmc.spec.dump import dump_vm
from kvmc.spec.load import load_vm
from kvmc.spec.model import Cpu, Machine, Pin, Topology, Vm
from tests.support.jobs import jobs, vm

if TYPE_CHECKING:
    from kvmc.spec.model import Strategy, ThreadPlace

_SETS = st.sets(st.integers(0, 200), min_size=1).map(CpuSet)
_WORDS: tuple[ThreadPlace, ...] = ("own", "share", "isolate")
_PLACES = st.sampled_from(_WORDS) | _SETS
_STRATEGIES: tuple[Strategy, ...] = ("none", "shared", "dedicated", "mixed", "manual")


@st.composite
def pins(draw: st.DrawFn, ceiling: int) -> Pin:
    """Any pins a model can hold, sensible or not."""
    rest: dict[str, Any] = {"emulator": draw(_PLACES), "iothreads": draw(_PLACES)}
    strategy = draw(st.sampled_from(_STRATEGIES))
    if strategy == "manual":
        rest["map"] = tuple((v, draw(_SETS)) for v in range(ceiling))
    if strategy == "mixed":
        rest["vcpus"] = draw(_SETS)
    if strategy in ("mixed", "dedicated"):
        rest["cpus"] = draw(st.none() | _SETS)
        rest["kind"] = draw(st.sampled_from((None, "performance", "efficiency")))
        rest["threads"] = draw(st.sampled_from(("prefer", "require", "isolate")))
        rest["l3"] = draw(st.sampled_from(("prefer", "require")))
    return Pin(strategy=strategy, **rest)


@st.composite
def vms(draw: st.DrawFn) -> Vm:
    """Any VM that `load` can give: cells have the backing's pages where they name none."""
    asked = draw(jobs()).vm
    own = asked.memory_backing.hugepages_kib
    cells = tuple(replace(c, hugepages_kib=c.hugepages_kib or own) for c in asked.numa.cells)
    host = draw(st.none() | st.sampled_from(("kvm-07", "010", "no", "a: b, #c", "1e3")))
    return replace(
        asked,
        host=host,
        numa=replace(asked.numa, cells=cells),
        pin=draw(pins(asked.cpu.max)),
    )


def loaded(text: str) -> Vm:
    documents = read(text.encode(), "vms/a.yaml")
    assert documents.diagnostics == ()
    (document,) = documents.value or ()
    outcome = load_vm(document)
    assert outcome.value is not None, outcome.diagnostics
    return outcome.value


@given(vms())
def test_load_reads_back_what_dump_wrote(asked: Vm) -> None:
    text = dump_vm(asked)
    assert loaded(text) == asked
    assert dump_vm(loaded(text)) == text


@given(vms())
def test_no_line_is_longer_than_it_must_be(asked: Vm) -> None:
    long = [line for line in dump_vm(asked).splitlines() if len(line) > 100]
    assert not [line for line in long if "{" in line and '"' not in line]


def test_only_what_is_not_the_default_is_written() -> None:
    assert dump_vm(vm(2)) == (
        "# yaml-language-server: $schema=../schemas/vm.json\n"
        "kvmc: v1\nkind: vm\nname: kvmc-test-vm\nmemory: 1GiB\ncpu:\n  count: 2\n"
    )


def test_a_file_looks_as_a_person_would_write_it() -> None:
    cpu = Cpu(count=2, max=4, topology=Topology(cores=2, threads=2), features=(("3dnow", "force"),))
    pins = tuple((v, CpuSet([v + 8, v + 40] if v else [8])) for v in range(4))
    asked = vm(cpu=cpu, pin=Pin(strategy="manual", map=pins), machine=Machine(base="b/a.xml"))
    assert dump_vm(asked, "s.json").splitlines()[1:] == [
        "kvmc: v1",
        "kind: vm",
        "name: kvmc-test-vm",
        "memory: 1GiB",
        "cpu:",
        "  count: 2",
        "  max: 4",
        "  topology: {cores: 2, threads: 2}",
        "  features: {3dnow: force}",
        "pin:",
        "  strategy: manual",
        '  map: {0: 8, 1: "9,41", 2: "10,42", 3: "11,43"}',
        "base: b/a.xml",
    ]


def test_a_map_of_many_vcpus_is_broken_into_lines() -> None:
    pins = tuple((v, CpuSet([v, v + 64])) for v in range(64))
    asked = vm(64, pin=Pin(strategy="manual", map=pins))
    text = dump_vm(asked)
    assert max(map(len, text.splitlines())) <= 100
    assert loaded(text) == asked


@pytest.mark.parametrize(
    "text", ["no", "010", "1:30", "~", "", "0x1f", "1e3", "a: b", "a #b", "- a", "2026-01-01", " a"]
)
def test_what_yaml_would_misread_is_quoted(text: str) -> None:
    assert quote(text) == f'"{text}"'


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc"))))
def test_any_text_survives(text: str) -> None:
    documents = read(f"a: {{b: {quote(text)}}}\n".encode(), "a.yaml")
    (document,) = documents.value or ()
    assert document.data == {"a": {"b": text}}
