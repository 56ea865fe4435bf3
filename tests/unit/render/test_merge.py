"""A base keeps every byte that is not kvmc's, and says what the spec says where it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.diagnostics import Diagnostic, Severity
from kvmc.planner.model import CellPlan
from kvmc.render.libvirt import render
from kvmc.spec.model import Cell, Cpu, Features, Machine, MemoryBacking, Numa, Tune
from tests.support.jobs import GIB, PLACE, job, jobs, vm
from tests.support.rng import needs_rng, rng_problems

if TYPE_CHECKING:
    from kvmc.render.model import Job

BASE = """\
<?xml version="1.0"?>
<!-- top -->
<domain type="kvm" xmlns:q="urn:q">
    <name>template</name>
    <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
    <metadata><cputune xmlns="urn:x">  &lt;</cputune></metadata>
    <memory unit="GiB" dumpCore="off">4</memory>
    <vcpu cpuset="0-3">4</vcpu> <!-- four -->
    <cputune>
        <!-- by hand -->
        <shares>77</shares>
        <vcpupin vcpu="0" cpuset="3"/>
        <emulatorsched scheduler="batch"/>
    </cputune>
    <os><type>hvm</type></os>
    <cpu mode="host-passthrough" check="none"/>
    <devices>
      <disk type="file"  device='disk' />
    </devices>
    <q:commandline/>
</domain>
"""


def based(base: str, asked: Any = None, **to_plan: Any) -> Job:
    return job(asked or vm(), base=base.encode(), **to_plan)


def merged(given_job: Job) -> tuple[str, tuple[Diagnostic, ...]]:
    outcome = render(given_job)
    assert outcome.value is not None, outcome.diagnostics
    return outcome.value.text, outcome.diagnostics


def lines(text: str, first: str, last: str) -> list[str]:
    """Return the lines from the one that starts with `first` to the one that starts so."""
    all_lines = [line.strip() for line in text.splitlines()]
    start = next(i for i, line in enumerate(all_lines) if line.startswith(first))
    end = next(i for i, line in enumerate(all_lines) if line.startswith(last))
    return all_lines[start : end + 1]


def test_owned_elements_change_and_nothing_else_does() -> None:
    text, _ = merged(based(BASE, pins={0: "1", 1: "2"}, emulator=CpuSet((0,))))
    assert (
        text
        == """\
<?xml version="1.0"?>
<!-- top -->
<domain type="kvm" xmlns:q="urn:q">
    <name>kvmc-test-vm</name>
    <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
    <metadata><cputune xmlns="urn:x">  &lt;</cputune></metadata>
    <memory unit='KiB' dumpCore='off'>1048576</memory>
    <currentMemory unit='KiB'>1048576</currentMemory>
    <vcpu placement='static' cpuset='1-2'>2</vcpu> <!-- four -->
    <cputune>
        <!-- by hand -->
        <vcpupin vcpu='0' cpuset='1'/>
        <vcpupin vcpu='1' cpuset='2'/>
        <emulatorpin cpuset='0'/>
        <emulatorsched scheduler="batch"/>
    </cputune>
    <os><type>hvm</type></os>
    <cpu mode="host-passthrough" check="none">
        <topology sockets='1' dies='1' cores='2' threads='1'/>
    </cpu>
    <devices>
      <disk type="file"  device='disk' />
    </devices>
    <q:commandline/>
</domain>
""".replace(
            '<cpu mode="host-passthrough" check="none">',
            "<cpu mode='host-passthrough' check='none'>",
        )
    )


def test_what_the_base_said_and_the_spec_does_not_is_named_once() -> None:
    _, diagnostics = merged(based(BASE, asked=vm(machine=Machine(base="b.xml"))))
    assert [(d.code, d.severity, d.place) for d in diagnostics] == [
        ("KV607", Severity.NOTE, PLACE.at("base"))
    ]
    assert diagnostics[0].message == (
        "left out of b.xml, because the spec does not say it: "
        "cputune/shares, cputune/vcpupin, vcpu@cpuset"
    )


def test_an_element_that_says_it_already_keeps_its_bytes() -> None:
    base = BASE.replace('<vcpu cpuset="0-3">4</vcpu>', '<vcpu placement="static"  >2</vcpu>')
    assert '<vcpu placement="static"  >2</vcpu>' in merged(based(base))[0]


def test_numatune_vcpus_and_per_thread_lists_do_not_survive() -> None:
    base = (
        "<domain type='kvm'>\n  <name>a</name>\n  <vcpu placement='auto'>4</vcpu>\n"
        "  <vcpus><vcpu id='0' enabled='yes'/></vcpus>\n  <iothreads>3</iothreads>\n"
        "  <iothreadids><iothread id='7'/></iothreadids>\n"
        "  <numatune><memory mode='strict' placement='auto'/></numatune>\n</domain>\n"
    )
    text, diagnostics = merged(based(base))
    for gone in ("auto", "vcpus", "iothreads", "iothreadids", "numatune"):
        assert gone not in text
    left = "iothreadids, iothreads, numatune, vcpu@placement='auto', vcpus"
    assert left in diagnostics[-1].message


def test_iothreadids_within_the_count_stay() -> None:
    ids = "<iothreadids><iothread id='1' thread_pool_max='4'/></iothreadids>"
    base = f"<domain type='kvm'><name>a</name><iothreads>1</iothreads>{ids}</domain>"
    assert ids in merged(based(base, vm(iothreads=2)))[0]


def test_iothreadids_beyond_the_count_go_and_the_others_keep_their_pools() -> None:
    base = (
        "<domain type='kvm'>\n  <name>a</name>\n  <iothreads>3</iothreads>\n  <iothreadids>\n"
        "    <iothread id='1' thread_pool_min='2' thread_pool_max='8'/>\n"
        "    <iothread id='2'/>\n    <iothread id='3'>\n      <poll max='9'/>\n    </iothread>\n"
        "  </iothreadids>\n</domain>\n"
    )
    text, diagnostics = merged(based(base, vm(iothreads=1)))
    assert lines(text, "<iothreads>", "</iothreadids>") == [
        "<iothreads>1</iothreads>",
        "<iothreadids>",
        "<iothread id='1' thread_pool_min='2' thread_pool_max='8'/>",
        "</iothreadids>",
    ]
    assert diagnostics[-1].message.endswith(
        ": iothreadids/iothread@id='2', iothreadids/iothread@id='3'"
    )


@pytest.mark.parametrize(
    ("memory", "current", "said"),
    [
        ("unit='GiB'>4", "unit='GiB'>2", True),
        ("unit='GiB'>4", ">4194304", False),
        ("unit='GiB'>4", "unit='GiB'>1", False),
    ],
    ids=["a balloon", "none", "as much as the spec gives"],
)
def test_a_balloon_and_numad_are_named_where_they_are_left_out(
    memory: str, current: str, said: bool
) -> None:
    base = (
        f"<domain type='kvm'><name>a</name><memory {memory}</memory><currentMemory {current}"
        "</currentMemory><vcpu placement='auto'>2</vcpu></domain>"
    )
    text, diagnostics = merged(based(base))
    assert "<currentMemory unit='KiB'>1048576</currentMemory>" in text
    left = "currentMemory, vcpu@placement='auto'" if said else "vcpu@placement='auto'"
    assert diagnostics[-1].message.endswith(f"the spec does not say it: {left}")


@pytest.mark.parametrize(
    ("inner", "asked", "said"),
    [
        (
            "<cputune><iothreadsched iothreads='1-3,^2' scheduler='batch'/></cputune>",
            vm(iothreads=1),
            "<iothreadsched> of the base names I/O thread 3, and the spec has iothreads: 1",
        ),
        (
            "<cputune><memorytune vcpus='0-3'><monitor vcpus='2-3'/></memorytune></cputune>",
            vm(),
            (
                "a <monitor> in <memorytune> of the base names vCPUs 2-3, and the last vCPU is 1: "
                "libvirt refuses them"
            ),
        ),
        (
            (
                "<devices><memory model='dimm'><target><size>1024</size><node>1</node></target>"
                "</memory></devices>"
            ),
            vm(),
            "<memory> of the base names guest cell 1, and the spec has none",
        ),
        (
            (
                "<devices><controller type='pci'><target><node>1</node></target></controller>"
                "</devices>"
            ),
            vm(numa=Numa(cells=(Cell(id=0, cpus=CpuSet((0, 1)), memory_kib=GIB),))),
            "<controller> of the base names guest cell 1, and the spec has 1 cell",
        ),
        (
            (
                "<cpu><numa><cell id='0'/><interconnects><latency initiator='0' target='1'/>"
                "</interconnects></numa></cpu>"
            ),
            vm(numa=Numa(cells=(Cell(id=0, cpus=CpuSet((0, 1)), memory_kib=GIB),))),
            "<interconnects> of the base names guest cell 1, and the spec has 1 cell",
        ),
        (
            "<maxMemory slots='4' unit='MiB'>512</maxMemory>",
            vm(),
            "memory is 1GiB, above the <maxMemory> of the base, 512MiB",
        ),
    ],
    ids=["scheduler", "monitor", "dimm", "expander", "interconnect", "ceiling"],
)
def test_what_libvirt_would_refuse_of_the_base_is_an_error(
    inner: str, asked: Any, said: str
) -> None:
    outcome = render(based(f"<domain type='kvm'><name>a</name>{inner}</domain>", asked))
    assert outcome.value is None
    assert [d.message for d in outcome.diagnostics if d.is_error] == [said]


def test_an_allocation_of_vcpus_that_are_not_there_is_a_warning() -> None:
    tune = "<cachetune vcpus='0-3'><monitor level='3' vcpus='1-3'/></cachetune>"
    base = f"<domain type='kvm'><name>a</name><cputune>{tune}</cputune></domain>"
    text, diagnostics = merged(based(base))
    assert tune in text
    assert [(d.code, d.severity, d.message) for d in diagnostics] == [
        (
            "KV606",
            Severity.WARNING,
            "<cachetune> of the base names vCPUs 2-3, and the last vCPU is 1: libvirt drops them",
        )
    ]


@pytest.mark.parametrize(
    "inner",
    [
        "<cputune><iothreadsched iothreads='1' scheduler='batch'/></cputune>",
        "<cputune><iothreadsched scheduler='batch'/></cputune>",
        "<cputune><cachetune vcpus='0-1'><monitor level='3' vcpus='1'/></cachetune></cputune>",
        "<devices><memory model='dimm'><target><node>0</node></target></memory></devices>",
        "<maxMemory slots='4' unit='GiB'>1</maxMemory>",
        "<maxMemory slots='x' unit='parsec'>1</maxMemory>",
    ],
)
def test_what_goes_with_the_spec_is_not_talked_about(inner: str) -> None:
    _, diagnostics = merged(
        based(f"<domain type='kvm'><name>a</name>{inner}</domain>", vm(iothreads=1))
    )
    assert diagnostics == ()


@pytest.mark.parametrize("cells", [True, False])
def test_memory_hotplug_wants_a_cell(cells: bool) -> None:
    base = (
        "<domain type='kvm'><name>a</name><maxMemory slots='4' unit='GiB'>4</maxMemory>"
        "<cpu><numa><cell id='0' cpus='0-1' memory='1' unit='GiB'/></numa></cpu></domain>"
    )
    own = Numa(cells=(Cell(id=0, cpus=CpuSet((0, 1)), memory_kib=GIB),)) if cells else Numa()
    text, diagnostics = merged(based(base, vm(numa=own)))
    assert "<maxMemory slots='4' unit='GiB'>4</maxMemory>" in text
    found = [d.message for d in diagnostics if d.severity is Severity.WARNING]
    told = (
        "the base has <maxMemory>, and its cells are left out: libvirt before 9.6 takes none "
        "without a cell"
    )
    assert found == ([] if cells else [told])


@pytest.mark.parametrize(
    "driver",
    [
        "<driver name='qemu' iothread='2'/>",
        "<driver name='qemu'><iothreads><iothread id='2'/></iothreads></driver>",
    ],
)
def test_a_device_on_a_missing_iothread_is_an_error(driver: str) -> None:
    base = f"<domain type='kvm'><name>a</name><devices><disk>{driver}</disk></devices></domain>"
    outcome = render(based(base, vm(iothreads=1)))
    assert outcome.value is None
    assert [(d.code, d.place) for d in outcome.diagnostics] == [("KV606", PLACE.at("iothreads"))]
    assert render(based(base, vm(iothreads=2))).value is not None


@pytest.mark.parametrize(
    ("base", "code"),
    [("<domain", "KV601"), ("<network/>", "KV602"), ("<!DOCTYPE domain><domain/>", "KV603")],
)
def test_what_is_no_domain_gives_no_artifact(base: str, code: str) -> None:
    outcome = render(based(base, vm(machine=Machine(base="b.xml"))))
    assert outcome.value is None
    assert [(d.code, d.place) for d in outcome.diagnostics] == [(code, PLACE.at("base"))]
    assert "b.xml" in outcome.diagnostics[0].message


CPU = """\
<domain type='kvm'>
  <name>a</name>
  <cpu mode='custom' match='exact' check='partial'>
    <model fallback='allow'>Haswell</model>
    <vendor>Intel</vendor>
    <topology sockets='4' cores='1' threads='1'/>
    <maxphysaddr mode='passthrough'/>
    <feature policy='require' name='pcid'/>
    <feature policy='disable' name='hle'/>
  </cpu>
</domain>
"""


def test_without_a_mode_the_bases_model_and_features_stay() -> None:
    text, diagnostics = merged(based(CPU))
    topology = "<topology sockets='1' dies='1' cores='2' threads='1'/>"
    assert lines(text, "<cpu", "</cpu") == [
        topology if line.startswith("<topology") else line for line in lines(CPU, "<cpu", "</cpu")
    ]
    assert diagnostics == ()


def test_with_a_mode_the_model_and_the_features_are_the_specs() -> None:
    asked = vm(cpu=Cpu(count=2, max=2, mode="host-model", features=(("pcid", "disable"),)))
    text, diagnostics = merged(based(CPU, asked))
    assert lines(text, "<cpu", "</cpu") == [
        "<cpu mode='host-model'>",
        "<topology sockets='1' dies='1' cores='2' threads='1'/>",
        "<maxphysaddr mode='passthrough'/>",
        "<feature policy='disable' name='pcid'/>",
        "</cpu>",
    ]
    assert "cpu/model, cpu/vendor, cpu@check, cpu@match" in diagnostics[0].message


NUMA = """\
<domain type='kvm'>
  <name>a</name>
  <cpu>
    <topology sockets='1' dies='1' cores='2' threads='1'/>
    <numa>
      <cell id='0' cpus='0-1' memory='4' unit='GiB'>
        <cache level='1' associativity='direct' policy='writeback'/>
      </cell>
      <interconnects/>
    </numa>
  </cpu>
</domain>
"""


def test_cells_keep_what_the_spec_cannot_spell() -> None:
    cell = Cell(id=0, cpus=CpuSet((0, 1)), memory_kib=GIB, distances=((0, 10),))
    text, _ = merged(based(NUMA, vm(numa=Numa(cells=(cell,)))))
    assert lines(text, "<numa", "</numa") == [
        "<numa>",
        "<cell id='0' cpus='0-1' memory='1048576' unit='KiB'>",
        "<distances>",
        "<sibling id='0' value='10'/>",
        "</distances>",
        "<cache level='1' associativity='direct' policy='writeback'/>",
        "</cell>",
        "<interconnects/>",
        "</numa>",
    ]


def test_without_cells_nothing_of_numa_stays() -> None:
    text, diagnostics = merged(based(NUMA))
    assert "numa" not in text
    assert "cpu/numa" in diagnostics[0].message


def test_memory_backing_keeps_discard_and_allocation_threads() -> None:
    base = (
        "<domain type='kvm'><name>a</name><memoryBacking><locked/>"
        "<allocation mode='immediate' threads='8'/><discard/></memoryBacking></domain>"
    )
    text, diagnostics = merged(
        based(base, vm(memory_backing=MemoryBacking(source="memfd", allocation="immediate")))
    )
    assert (
        "<memoryBacking><source type='memfd'/><allocation mode='immediate' threads='8'/>"
        "<discard/></memoryBacking>"
    ) in text
    assert "memoryBacking/locked" in diagnostics[0].message


def test_hypervisor_features_are_owned_one_by_one() -> None:
    base = (
        "<domain type='kvm'>\n  <name>a</name>\n  <features>\n    <acpi/>\n    <kvm>\n"
        "      <hidden state='on'/>\n      <poll-control state='on'/>\n    </kvm>\n"
        "    <vmport state='off'/>\n  </features>\n</domain>\n"
    )
    assert "<hidden state='on'/>" in merged(based(base))[0]
    asked = vm(features=Features(kvm_hint_dedicated=True, pmu=True))
    assert lines(merged(based(base, asked))[0], "<features", "</features") == [
        "<features>",
        "<acpi/>",
        "<kvm>",
        "<hidden state='on'/>",
        "<hint-dedicated state='on'/>",
        "<poll-control state='on'/>",
        "</kvm>",
        "<pmu state='on'/>",
        "<vmport state='off'/>",
        "</features>",
    ]


def test_a_base_without_features_gets_no_acpi_by_the_way() -> None:
    text, _ = merged(
        based("<domain type='xen'><name>a</name></domain>", vm(features=Features(pmu=False)))
    )
    assert "<features><pmu state='off'/></features>" in text
    assert text.startswith("<domain type='xen'>")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("unit", ["\t", "   "])
def test_new_elements_look_like_their_surroundings(newline: str, unit: str) -> None:
    base = f"<domain type='kvm'>{newline}{unit}<name>a</name>{newline}</domain>{newline}"
    text, _ = merged(based(base, vm(tune=Tune(shares=5))))
    assert f"{newline}{unit}<cputune>{newline}{unit}{unit}<shares>5</shares>{newline}" in text
    assert text.count("\r") == (text.count("\n") if newline == "\r\n" else 0)


def test_a_base_on_one_line_stays_on_one_line() -> None:
    text, _ = merged(based("<domain type='kvm'><name>a</name></domain>", vm(tune=Tune(shares=5))))
    assert text == (
        "<domain type='kvm'><name>kvmc-test-vm</name><memory unit='KiB'>1048576</memory>"
        "<currentMemory unit='KiB'>1048576</currentMemory><vcpu placement='static'>2</vcpu>"
        "<cputune><shares>5</shares></cputune>"
        "<cpu><topology sockets='1' dies='1' cores='2' threads='1'/></cpu></domain>"
    )


@pytest.mark.parametrize(
    "base", ["<domain/>", "<domain type='kvm'></domain>", "<domain> </domain>"]
)
def test_an_empty_domain_is_filled(base: str) -> None:
    root = etree.fromstring(merged(based(base))[0])
    assert [child.tag for child in root] == ["name", "memory", "currentMemory", "vcpu", "cpu"]


def test_repeated_elements_end_up_as_one() -> None:
    base = "<domain type='kvm'>\n  <name>a</name>\n  <vcpu>1</vcpu>\n  <vcpu>2</vcpu>\n</domain>"
    assert merged(based(base))[0].count("<vcpu") == 1


FOREIGN = (
    "<!-- a comment with <vcpu>9</vcpu> -->",
    "<x:thing xmlns:x='urn:x'  a=\"1\"><cputune>kept</cputune></x:thing>",
    "<resource><partition>/machine/a &amp; b</partition></resource>",
    "<?pi some?>",
)


ELEMENT = FOREIGN[1]
SHARED_ELEMENTS = ("<cputune>", "<memoryBacking>", "<features>")


@st.composite
def bases(draw: st.DrawFn, *, deep: bool = True) -> tuple[str, list[str]]:
    """Return the domain of some job, laid out at will, and the foreign lines put into it.

    They go below <domain> and, where `deep`, into elements of which kvmc owns a part.
    """
    text = re.sub(r" iothread='\d+'/>\n( *<source)", r"/>\n\1", merged(draw(jobs()))[0])
    unit, newline = draw(st.sampled_from((("  ", "\n"), ("    ", "\r\n"), ("\t", "\n"))))
    foreign: list[str] = []
    result = []
    for line in text.splitlines():
        bare = line.lstrip(" ")
        level = (len(line) - len(bare)) // 2
        result.append(unit * level + bare)
        ended = level == 1 and ("</" in bare or bare.endswith("/>"))
        if ended and draw(st.booleans()):
            foreign.append(draw(st.sampled_from(FOREIGN)))
            result.append(unit + foreign[-1])
        if deep and bare in SHARED_ELEMENTS and draw(st.booleans()):
            foreign.append(ELEMENT)
            result.append(unit * 2 + ELEMENT)
    return newline.join(result) + newline, foreign


@given(bases(), jobs())
def test_merging_twice_is_merging_once(base: tuple[str, list[str]], asked: Job) -> None:
    once, _ = merged(replace(asked, base=base[0].encode()))
    twice, diagnostics = merged(replace(asked, base=once.encode()))
    assert twice == once
    assert "KV607" not in {d.code for d in diagnostics}


@given(bases(), jobs())
def test_foreign_lines_stay_to_the_byte_and_in_order(
    base: tuple[str, list[str]], asked: Job
) -> None:
    text, _ = merged(replace(asked, base=base[0].encode()))
    found = [line.strip() for line in text.splitlines() if line.strip() in FOREIGN]
    assert found == base[1]


@given(jobs())
def test_a_base_that_says_it_all_stays_as_it_is(asked: Job) -> None:
    text, _ = merged(asked)
    assert merged(replace(asked, base=text.encode()))[0] == text


OWNED = ("name", "memory", "currentMemory", "memoryBacking", "vcpu", "iothreads", "cputune",
         "numatune", "cpu")  # fmt: skip


@needs_rng
@given(bases(deep=False), jobs())
def test_the_result_says_what_the_minimal_domain_says(
    base: tuple[str, list[str]], asked: Job
) -> None:
    cpu = replace(asked.vm.cpu, mode=asked.vm.cpu.mode or "host-model")
    asked = replace(asked, vm=replace(asked.vm, cpu=cpu))
    fresh = etree.fromstring(merged(asked)[0].encode())
    text, _ = merged(replace(asked, base=base[0].encode()))
    root = etree.fromstring(text.encode())
    for tag in OWNED:
        assert [_canonical(e) for e in root.findall(tag)] == [
            _canonical(e) for e in fresh.findall(tag)
        ]
    bare = text
    for foreign in FOREIGN:
        bare = bare.replace(foreign, "")
    assert rng_problems(bare) == ""


def _canonical(element: etree._Element) -> Any:
    """Return an element's meaning: layout, comments and attribute order do not count."""
    return (
        element.tag,
        sorted(element.attrib.items()),
        (element.text or "").strip(),
        [_canonical(child) for child in element if isinstance(child.tag, str)],
    )


def test_the_node_of_a_cell_reaches_a_base() -> None:
    cell = Cell(id=0, cpus=CpuSet((0, 1)), memory_kib=GIB)
    cells = (CellPlan(id=0, vcpus=cell.cpus, memory_kib=GIB, host_node=1),)
    text, _ = merged(based(BASE, vm(numa=Numa(cells=(cell,))), cells=cells))
    assert "<memnode cellid='0' mode='strict' nodeset='1'/>" in text
