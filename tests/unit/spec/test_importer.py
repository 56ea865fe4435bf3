"""An imported domain is the domain: what a build of it changes is named, and little is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kvmc.cpuset import CpuSet, union
from kvmc.planner.plan import plan_host
from kvmc.render.libvirt import render
from kvmc.render.model import Job
from kvmc.spec.domain.model import changes
from kvmc.spec.domain.read import read_domain
from kvmc.spec.domain.rest import unspelled
from kvmc.spec.domain.xml import parse_domain
from kvmc.spec.dump import dump_vm
from kvmc.spec.importer import vm_of
from kvmc.spec.model import Cpu, MemoryBacking, Numa, Pin, Scheduler, Tune
from tests.support.jobs import jobs

if TYPE_CHECKING:
    from kvmc.spec.domain.model import Domain
    from kvmc.spec.model import ThreadPlace, Vm

_SETS = st.sets(st.integers(0, 63), min_size=1, max_size=4).map(CpuSet)
_POOL = "/var/lib/libvirt/images"


def domain(inside: str, kind: str = "kvm") -> bytes:
    return f"<domain type='{kind}'><name>a</name>{inside}</domain>".encode()


def read(xml: bytes) -> Domain:
    outcome = read_domain(xml, "a.xml")
    assert outcome.value is not None, outcome.diagnostics
    return outcome.value


def codes(xml: bytes) -> list[str]:
    outcome = read_domain(xml, "a.xml")
    assert outcome.value is None
    return [d.code for d in outcome.diagnostics]


def built(vm: Vm, base: bytes | None = None) -> bytes:
    """Return what `kvmc build` makes of a VM without a host."""
    planned = plan_host([vm], None)
    assert planned.value is not None
    (plan,) = planned.value.vms
    outcome = render(Job(vm=vm, plan=plan, base=base))
    assert outcome.value is not None, outcome.diagnostics
    return outcome.value.text.encode()


def said_twice(vm: Vm) -> Vm:
    """Return the VM as an import spells it: with libvirt's and kvmc's defaults written out."""
    plan = plan_host([vm], None).value
    assert plan is not None
    cpu, machine = vm.cpu, vm.machine
    fallback = cpu.fallback if cpu.mode in ("custom", "host-model") else None
    pages = {cell.hugepages_kib for cell in vm.numa.cells} or {vm.memory_backing.hugepages_kib}
    groups: dict[tuple[str, int | None], CpuSet] = {}
    for entry in sorted(vm.tune.scheduler, key=lambda s: s.vcpus.first):
        key = (entry.policy, entry.priority)
        groups[key] = groups.get(key, CpuSet()) | entry.vcpus
    return replace(
        vm,
        cpu=replace(
            cpu,
            topology=plan.vms[0].topology,
            fallback="allow" if cpu.mode == "custom" and fallback is None else fallback,
        ),
        numa=replace(vm.numa, mode="strict"),
        tune=replace(
            vm.tune,
            scheduler=tuple(
                Scheduler(vcpus=vcpus, policy=policy, priority=priority)  # type: ignore[arg-type]
                for (policy, priority), vcpus in groups.items()
            ),
        ),
        memory_backing=replace(
            vm.memory_backing, hugepages_kib=pages.pop() if len(pages) == 1 else None
        ),
        machine=replace(
            machine,
            type=machine.type if machine.type != "kvm" else None,
            machine=machine.machine or "q35",
            disks=tuple(
                d if d.file.startswith("/") else replace(d, file=f"{_POOL}/{d.file}")
                for d in machine.disks
            ),
        ),
    )


@st.composite
def pinned(draw: st.DrawFn) -> Vm:
    """Any VM with pins by hand, or with none."""
    vm = draw(jobs()).vm
    if draw(st.booleans()):
        return vm
    pins = tuple((vcpu, draw(_SETS)) for vcpu in range(vm.cpu.max))
    calm = union(cpus for vcpu, cpus in pins if vcpu not in vm.realtime)
    own = calm or union(cpus for _, cpus in pins)
    places = [draw(_SETS), draw(_SETS)]
    emulator: ThreadPlace
    iothreads: ThreadPlace
    emulator, iothreads = ("own" if place == own else place for place in places)
    return replace(
        vm,
        pin=Pin(
            strategy="manual",
            map=pins,
            emulator=emulator,
            iothreads=iothreads if vm.iothreads else "own",
        ),
    )


@given(pinned())
def test_a_built_vm_is_imported_as_the_vm_it_was_built_from(vm: Vm) -> None:
    assert replace(vm_of(read(built(vm))), place=vm.place) == said_twice(vm)


@given(jobs())
def test_a_build_of_an_imported_domain_changes_only_what_no_spec_can_say(job: Job) -> None:
    outcome = render(job)
    assert outcome.value is not None
    xml = outcome.value.text.encode()
    before = read(xml)
    after = read(built(vm_of(before, base="a.xml"), base=xml))
    changed = {text.split(" (")[0] for text in changes(before, after)}
    bound = bool(job.plan.memory_nodes) or any(c.host_node is not None for c in job.plan.cells)
    unpinned = any(pin.cpus is None for pin in job.plan.vcpus)
    allowed = {"numatune memory", "numatune memnode"} if bound else set()
    if unpinned and job.plan.emulator:
        allowed |= {"emulatorpin"}
    if unpinned or len({thread.cpus for thread in job.plan.iothreads}) > 1:
        allowed |= {"iothreadpin"}
    assert changed <= allowed


@given(jobs())
def test_an_import_is_stable(job: Job) -> None:
    outcome = render(job)
    assert outcome.value is not None
    once = vm_of(read(outcome.value.text.encode()))
    if once.pin == Pin() or once.iothreads < 2:
        assert vm_of(read(built(once))) == replace(once, numa=replace(once.numa, mode="strict"))


def test_without_a_topology_the_guest_keeps_one_socket_a_vcpu() -> None:
    vm = vm_of(read(domain("<memory>1024</memory><vcpu>6</vcpu>")))
    assert vm.cpu.topology is not None
    assert (vm.cpu.topology.sockets, vm.cpu.topology.vcpus) == (6, 6)


@pytest.mark.parametrize(
    ("text", "kib"),
    [
        ("<memory unit='GiB'>2</memory>", 2 << 20),
        ("<memory>1024</memory>", 1024),
        ("<memory unit='b'>1025</memory>", 2),
        ("<memory unit='bytes'>1024</memory>", 1),
        ("<memory unit='MB'>1</memory>", 977),
        ("<memory unit='m'>1</memory>", 1024),
        ("<memory unit='G'> 1 </memory>", 1 << 20),
        ("<memory>1</memory><cpu><numa><cell cpus='0' memory='7' unit='KiB'/></numa></cpu>", 7),
    ],
)
def test_memory_has_libvirts_units_and_cells_win(text: str, kib: int) -> None:
    assert vm_of(read(domain(f"{text}<vcpu>1</vcpu>"))).memory_kib == kib


def test_a_vcpu_without_a_pin_runs_on_the_cpuset_of_all() -> None:
    xml = domain(
        "<memory>1</memory><vcpu cpuset='0-3,^2'>2</vcpu>"
        "<cputune><vcpupin vcpu='1' cpuset='7'/></cputune>"
    )
    vm = vm_of(read(xml))
    assert vm.pin == Pin(
        strategy="manual",
        map=((0, CpuSet([0, 1, 3])), (1, CpuSet([7]))),
        emulator=CpuSet([0, 1, 3]),
    )
    assert tuple(changes(read(xml), read(built(vm, xml)))) == ()


def test_a_domain_pinned_in_part_needs_the_hosts_cpus() -> None:
    xml = domain(
        "<memory>1</memory><vcpu>2</vcpu><cputune><vcpupin vcpu='1' cpuset='7'/></cputune>"
    )
    assert vm_of(read(xml)).pin == Pin()
    online = CpuSet(range(8))
    vm = vm_of(read(xml), online=online, host="kvm-07")
    assert vm.host == "kvm-07"
    assert vm.pin == Pin(strategy="manual", map=((0, online), (1, CpuSet([7]))))
    assert list(changes(read(xml), read(built(vm_of(read(xml)), xml)))) == ["vcpupin"]


def test_an_unpinned_domain_stays_unpinned_with_a_host_too() -> None:
    xml = domain("<memory>1</memory><vcpu>2</vcpu>")
    assert vm_of(read(xml), online=CpuSet(range(8))).pin == Pin()


def test_cells_take_the_vcpus_no_cell_names_and_their_own_pages() -> None:
    xml = domain(
        "<vcpu>4</vcpu><memoryBacking><hugepages><page size='2' unit='MiB'/>"
        "<page size='1' unit='G' nodeset='1'/></hugepages></memoryBacking>"
        "<cpu><numa><cell id='1' cpus='2' memory='1' unit='GiB' memAccess='shared'/>"
        "<cell id='0' cpus='0' memory='1' unit='GiB' discard='yes'/></numa></cpu>"
    )
    vm = vm_of(read(xml))
    assert [str(cell.cpus) for cell in vm.numa.cells] == ["0-1,3", "2"]
    assert [cell.hugepages_kib for cell in vm.numa.cells] == [2048, 1 << 20]
    assert vm.memory_backing == MemoryBacking()
    assert tuple(changes(read(xml), read(built(vm, xml)))) == ()


def test_vcpus_that_can_be_unplugged_are_named() -> None:
    entries = "".join(
        f"<vcpu id='{i}' enabled='{'yes' if i < 2 else 'no'}' hotpluggable='{hot}'/>"
        for i, hot in enumerate(("no", "yes", "yes"))
    )
    xml = domain(f"<memory>1</memory><vcpu current='2'>3</vcpu><vcpus>{entries}</vcpus>")
    vm = vm_of(read(xml))
    assert (vm.cpu.count, vm.cpu.max) == (2, 3)
    assert list(changes(read(xml), read(built(vm, xml)))) == [
        "vcpus that can be unplugged (1 becomes none)"
    ]
    same = xml.replace(b"id='1' enabled='yes' hotpluggable='yes'", b"id='1' enabled='yes'")
    assert list(changes(read(same), read(built(vm, same)))) == []


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<vcpu placement='auto'>1</vcpu>", "vcpu placement='auto' (yes becomes no)"),
        (
            "<vcpu>1</vcpu><numatune><memory mode='strict' nodeset='0'/></numatune>",
            "numatune memory",
        ),
        (
            "<vcpu>1</vcpu><memoryBacking><hugepages/></memoryBacking>",
            "hugepages (the host's default size becomes none)",
        ),
        ("<currentMemory>512</currentMemory>", "currentMemory (512KiB becomes 1MiB)"),
        (
            "<iothreads>1</iothreads><iothreadids><iothread id='7'/></iothreadids>",
            "iothreadpin",
        ),
        (
            (
                "<vcpu cpuset='1'>1</vcpu><iothreads>2</iothreads><cputune>"
                "<iothreadpin iothread='1' cpuset='2'/></cputune>"
            ),
            "iothreadpin",
        ),
        ("<cputune><emulatorpin cpuset='2'/></cputune>", "emulatorpin (2 becomes any CPU)"),
        (
            "<cpu mode='custom'><model>qemu64</model><vendor>Intel</vendor></cpu>",
            "cpu vendor (Intel becomes none)",
        ),
    ],
)
def test_what_a_build_would_change_is_named(inside: str, said: str) -> None:
    xml = domain(f"<memory>1024</memory>{inside}")
    before = read(xml)
    assert list(changes(before, read(built(vm_of(before, base="b.xml"), xml)))) == [said]


def test_a_cpu_without_a_mode_is_custom_only_with_a_model() -> None:
    cpu = "<cpu match='strict'><model fallback='forbid'>Haswell</model></cpu>"
    vm = vm_of(read(domain(f"<memory>1</memory>{cpu}")))
    assert replace(vm.cpu, topology=None) == Cpu(
        count=1, max=1, mode="custom", model="Haswell", fallback="forbid", match="strict"
    )
    bare = vm_of(read(domain("<memory>1</memory><cpu><feature name='x'/></cpu>")))
    assert replace(bare.cpu, topology=None) == Cpu(count=1, max=1)


def test_schedulers_are_grouped_and_a_quota_below_zero_is_none() -> None:
    xml = domain(
        "<memory>1</memory><vcpu>3</vcpu><cputune><quota>-9</quota>"
        "<vcpusched vcpus='2' scheduler='fifo' priority='1'/>"
        "<vcpusched vcpus='0' scheduler='fifo' priority='1'/></cputune>"
    )
    assert vm_of(read(xml)).tune == Tune(
        quota=-1, scheduler=(Scheduler(vcpus=CpuSet([0, 2]), policy="fifo", priority=1),)
    )


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        (b"", "KV640"),
        (b"<domain>", "KV640"),
        (b"\xff\xfe", "KV640"),
        (b" " * (4 * 1024 * 1024 + 1), "KV640"),
        (b"<network/>", "KV641"),
        (b"<!DOCTYPE domain><domain/>", "KV642"),
        (b'<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><domain>&a;</domain>', "KV642"),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE d><domain/>'.encode("utf-16"), "KV642"),
    ],
)
def test_what_is_no_domain_is_refused(xml: bytes, code: str) -> None:
    assert codes(xml) == [code]


@pytest.mark.parametrize(
    "inside",
    [
        "<vcpu>1</vcpu>",
        "<memory>x</memory>",
        "<memory unit='XB'>1</memory>",
        "<memory>1</memory><vcpu>0</vcpu>",
        "<memory>1</memory><vcpu>99999999</vcpu>",
        "<memory>1</memory><vcpu cpuset='3-1'>1</vcpu>",
        "<memory>1</memory><cpu mode='odd'/>",
        "<memory>1</memory><cpu><cache mode='odd'/></cpu>",
        "<memory>1</memory><iothreads>99999</iothreads>",
        "<memory>1</memory><numatune><memory mode='odd' nodeset='0'/></numatune>",
        "<memory>1</memory><features><pmu state='odd'/></features>",
        "<cpu><numa><cell cpus='0'/></numa></cpu>",
        "<memory>1</memory><cpu><numa><cell id='4' cpus='0' memory='1'/></numa></cpu>",
        "<memory>1</memory><cputune><vcpusched vcpus='0'/></cputune>",
    ],
)
def test_a_value_that_cannot_be_read_is_an_error(inside: str) -> None:
    assert set(codes(domain(inside))) == {"KV643"}


def test_every_value_that_cannot_be_read_is_said() -> None:
    assert codes(domain("<memory>x</memory><vcpu cpuset='y'>1</vcpu>")) == ["KV643", "KV643"]


def paths(inside: str, *, with_base: bool) -> tuple[str, ...]:
    root = parse_domain(domain(inside), "a.xml").value
    assert root is not None
    return unspelled(root, with_base=with_base)


def test_what_has_no_words_is_named_by_path() -> None:
    inside = (
        "<uuid/><memory dumpCore='off'>1</memory><cputune><shares>2</shares><emulatorsched/>"
        "</cputune><cpu><maxphysaddr/><numa><cell><cache/><distances/></cell></numa></cpu>"
        "<os><type>hvm</type><loader/></os><clock/><features><acpi/><kvm><hidden/><pv-ipi/></kvm>"
        "</features><devices><emulator/><interface/><interface/>"
        "<disk type='file'><driver type='raw'/><source file='/a'/><target bus='virtio'/></disk>"
        "<disk type='block'/><serial type='pty'/></devices>"
    )
    both = ("cputune/emulatorsched", "cpu/maxphysaddr", "cpu/numa/cell/cache")
    assert paths(inside, with_base=False) == (
        "uuid",
        *both,
        "os/loader",
        "features/kvm/pv-ipi",
        "devices/interface",
        "devices/disk",
        "memory@dumpCore",
    )
    assert paths(inside, with_base=True) == (
        "uuid",
        *both,
        "os",
        "clock",
        "features/acpi",
        "features/kvm/pv-ipi",
        "devices",
        "memory@dumpCore",
    )


def test_what_is_qemus_own_is_named_as_it_is_written() -> None:
    inside = "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'/>"
    assert paths(inside, with_base=True) == ("q:commandline",)


_VALUES = st.sampled_from(
    ("", "0", "1", "-1", "3-1", "0-65535", "99999999999999999999", "yes", "on", "auto", "custom",
     "strict", "fifo", "emulate", "KiB", "EiB", "x", " 2 ", "\u0663")
)  # fmt: skip
_NAMES = st.sampled_from(
    ("unit", "current", "cpuset", "placement", "vcpu", "vcpus", "scheduler", "priority", "mode",
     "id", "cpus", "memory", "nodeset", "cellid", "size", "level", "state", "value", "policy",
     "name", "type", "bus", "file", "enabled", "sockets", "threads", "iothread")
)  # fmt: skip
_TAGS = st.sampled_from(
    ("name", "memory", "currentMemory", "vcpu", "vcpus", "iothreads", "iothreadids", "iothread",
     "cputune", "vcpupin", "emulatorpin", "iothreadpin", "vcpusched", "quota", "numatune",
     "memnode", "memoryBacking", "hugepages", "page", "cpu", "model", "topology", "cache",
     "feature", "numa", "cell", "distances", "sibling", "features", "kvm", "hidden", "pmu",
     "devices", "disk", "driver", "source", "target", "serial", "os", "kernel")
)  # fmt: skip
_TREES: st.SearchStrategy[Any] = st.recursive(
    st.builds(
        lambda tag, given, text: (tag, given, text, []),
        _TAGS,
        st.dictionaries(_NAMES, _VALUES, max_size=4),
        _VALUES,
    ),
    lambda inner: st.builds(
        lambda tag, given, children: (tag, given, "", children),
        _TAGS,
        st.dictionaries(_NAMES, _VALUES, max_size=3),
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)


def _xml(tree: Any) -> str:
    tag, given, text, children = tree
    attributes = "".join(f" {name}='{value}'" for name, value in given.items())
    return f"<{tag}{attributes}>{text}{''.join(map(_xml, children))}</{tag}>"


@given(st.lists(_TREES, max_size=6))
def test_no_domain_makes_the_importer_fall_over(trees: list[Any]) -> None:
    xml = domain("<memory>1024</memory>" + "".join(map(_xml, trees)))
    outcome = read_domain(xml, "a.xml")
    assert (outcome.value is None) == any(d.is_error for d in outcome.diagnostics)
    if outcome.value is not None:
        assert dump_vm(vm_of(outcome.value)).endswith("\n")
        assert dump_vm(vm_of(outcome.value, base="b.xml", online=CpuSet([0])))


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_fall_over(data: bytes) -> None:
    assert parse_domain(b"<domain>" + data + b"</domain>", "a.xml").diagnostics is not None


def test_numa_modes_of_libvirt_are_the_specs() -> None:
    for mode in ("strict", "preferred", "interleave", "restrictive"):
        tune = f"<numatune><memory mode='{mode}' nodeset='0'/></numatune>"
        pinned = f"<memory>1</memory><vcpu cpuset='0'>1</vcpu>{tune}"
        assert vm_of(read(domain(pinned))).numa == Numa(mode=mode)


def test_without_pins_there_is_no_numa_mode_that_would_bind_nothing() -> None:
    tune = "<numatune><memory mode='interleave' nodeset='0'/></numatune>"
    assert vm_of(read(domain(f"<memory>1</memory>{tune}"))).numa == Numa()
