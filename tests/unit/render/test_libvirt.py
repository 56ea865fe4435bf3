"""The minimal domain, part by part, as virsh would print it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.diagnostics import Severity
from kvmc.planner.model import CellPlan, IothreadPin
from kvmc.render.libvirt import render
from kvmc.render.registry import TARGETS
from kvmc.spec.model import (
    Boot,
    Cell,
    Cpu,
    CpuCache,
    Disk,
    Features,
    Machine,
    MemoryBacking,
    Numa,
    Scheduler,
    Topology,
    Tune,
)
from tests.support.jobs import GIB, PLACE, job, vm

if TYPE_CHECKING:
    from kvmc.render.model import Job

MINIMAL = """\
<domain type='kvm'>
  <name>kvmc-test-vm</name>
  <memory unit='KiB'>1048576</memory>
  <currentMemory unit='KiB'>1048576</currentMemory>
  <vcpu placement='static'>2</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <boot dev='hd'/>
  </os>
  <features>
    <acpi/>
    <apic/>
  </features>
  <cpu>
    <topology sockets='1' dies='1' cores='2' threads='1'/>
  </cpu>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
  </devices>
</domain>
"""

CELLS = (
    Cell(id=0, cpus=CpuSet((0, 1)), memory_kib=GIB, access="shared", discard=False),
    Cell(id=1, cpus=CpuSet((2, 3)), memory_kib=GIB, distances=((0, 21), (1, 10))),
)


def text(given: Job) -> str:
    outcome = render(given)
    assert outcome.value is not None, outcome.diagnostics
    return outcome.value.text


def part(given: Job, tag: str) -> str:
    """Return one child of <domain> with its indentation taken off; "" where it is absent."""
    lines = text(given).splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith((f"  <{tag}>", f"  <{tag} "))]
    if not starts:
        return ""
    start = end = starts[0]
    if not lines[start].endswith((f"</{tag}>", "/>")):
        end = lines.index(f"  </{tag}>", start)
    return "\n".join(line[2:] for line in lines[start : end + 1])


def cell_plans(*nodes: int | None) -> tuple[CellPlan, ...]:
    return tuple(
        CellPlan(id=c.id, vcpus=c.cpus, memory_kib=c.memory_kib, host_node=node)
        for c, node in zip(CELLS, nodes, strict=True)
    )


def test_a_vm_of_required_fields_is_a_minimal_domain() -> None:
    assert text(job()) == MINIMAL


def test_the_artifact_is_named_after_the_vm() -> None:
    outcome = TARGETS["libvirt"](job(vm(name="lianhua")))
    assert outcome.value is not None
    assert outcome.value.name == "lianhua.xml"


def test_no_pin_means_no_cpuset_and_no_cputune() -> None:
    assert part(job(vm(2, 4)), "vcpu") == "<vcpu placement='static' current='2'>4</vcpu>"
    assert part(job(vm(2, 4)), "cputune") == ""


def test_pins_cover_the_ceiling_and_the_cpuset_is_their_union() -> None:
    given = job(vm(1, 3), pins={0: "4", 1: "2", 2: "8-9"}, emulator=CpuSet((0,)))
    assert part(given, "vcpu") == ("<vcpu placement='static' cpuset='2,4,8-9' current='1'>3</vcpu>")
    assert part(given, "cputune").splitlines() == [
        "<cputune>",
        "  <vcpupin vcpu='0' cpuset='4'/>",
        "  <vcpupin vcpu='1' cpuset='2'/>",
        "  <vcpupin vcpu='2' cpuset='8-9'/>",
        "  <emulatorpin cpuset='0'/>",
        "</cputune>",
    ]


def test_a_vcpu_without_a_pin_is_not_confined_to_the_others() -> None:
    assert "cpuset" not in part(job(vm(2), pins={0: "4"}), "vcpu")


def test_iothreads_are_counted_and_pinned() -> None:
    pins = (IothreadPin(id=1, cpus=CpuSet((6,))), IothreadPin(id=2, cpus=None))
    given = job(vm(iothreads=2), iothreads=pins)
    assert part(given, "iothreads") == "<iothreads>2</iothreads>"
    assert "<iothreadpin iothread='1' cpuset='6'/>" in part(given, "cputune")
    assert "iothread='2'" not in part(given, "cputune")


def test_tuning_comes_in_libvirts_order() -> None:
    tune = Tune(
        shares=6144,
        period=100000,
        quota=-1,
        scheduler=(
            Scheduler(vcpus=CpuSet((1,)), policy="fifo", priority=1),
            Scheduler(vcpus=CpuSet((0,)), policy="batch"),
        ),
    )
    assert part(job(vm(tune=tune), pins={0: "1", 1: "2"}), "cputune").splitlines()[1:-1] == [
        "  <shares>6144</shares>",
        "  <period>100000</period>",
        "  <quota>-1</quota>",
        "  <vcpupin vcpu='0' cpuset='1'/>",
        "  <vcpupin vcpu='1' cpuset='2'/>",
        "  <vcpusched vcpus='0' scheduler='batch'/>",
        "  <vcpusched vcpus='1' scheduler='fifo' priority='1'/>",
    ]


def test_bound_cells_get_a_memnode_each_and_memory_their_union() -> None:
    asked = vm(4, numa=Numa(mode="preferred", cells=CELLS))
    assert part(job(asked, cells=cell_plans(3, 1)), "numatune").splitlines() == [
        "<numatune>",
        "  <memory mode='preferred' nodeset='1,3'/>",
        "  <memnode cellid='0' mode='preferred' nodeset='3'/>",
        "  <memnode cellid='1' mode='preferred' nodeset='1'/>",
        "</numatune>",
    ]


def test_a_cell_that_is_not_bound_is_not_bound_by_memory_either() -> None:
    asked = vm(4, numa=Numa(cells=CELLS))
    assert part(job(asked, cells=cell_plans(None, 1)), "numatune").splitlines()[1:-1] == [
        "  <memnode cellid='1' mode='strict' nodeset='1'/>"
    ]
    assert part(job(asked), "numatune") == ""


def test_restrictive_is_said_for_memory_too() -> None:
    asked = vm(4, numa=Numa(mode="restrictive", cells=CELLS))
    assert "<memory mode='restrictive' nodeset='1'/>" in part(
        job(asked, cells=cell_plans(None, 1)), "numatune"
    )


def test_without_cells_the_whole_memory_is_bound() -> None:
    given = job(memory_nodes=CpuSet((0, 1)), memory_mode="interleave")
    assert part(given, "numatune").splitlines()[1:-1] == [
        "  <memory mode='interleave' nodeset='0-1'/>"
    ]


def test_memory_backing_holds_what_was_asked() -> None:
    backing = MemoryBacking(
        hugepages_kib=2048,
        locked=True,
        nosharepages=True,
        source="memfd",
        access="shared",
        allocation="immediate",
    )
    assert part(job(vm(memory_backing=backing)), "memoryBacking").splitlines() == [
        "<memoryBacking>",
        "  <hugepages>",
        "    <page size='2048' unit='KiB'/>",
        "  </hugepages>",
        "  <nosharepages/>",
        "  <locked/>",
        "  <source type='memfd'/>",
        "  <access mode='shared'/>",
        "  <allocation mode='immediate'/>",
        "</memoryBacking>",
    ]


def test_each_page_size_names_its_cells() -> None:
    sizes = {0: GIB, 1: 2048, 2: GIB, 3: None}
    cells = tuple(
        Cell(id=i, cpus=CpuSet((i,)), memory_kib=GIB, hugepages_kib=size)
        for i, size in sizes.items()
    )
    given = job(vm(4, numa=Numa(cells=cells), memory_kib=4 * GIB))
    assert [
        line.strip() for line in part(given, "memoryBacking").splitlines() if "size" in line
    ] == [
        "<page size='2048' unit='KiB' nodeset='1'/>",
        "<page size='1048576' unit='KiB' nodeset='0,2'/>",
    ]


def test_cells_are_printed_with_what_they_ask() -> None:
    given = job(vm(4, numa=Numa(cells=CELLS), memory_kib=2 * GIB))
    assert part(given, "cpu").splitlines()[2:-1] == [
        "  <numa>",
        "    <cell id='0' cpus='0-1' memory='1048576' unit='KiB' memAccess='shared' discard='no'/>",
        "    <cell id='1' cpus='2-3' memory='1048576' unit='KiB'>",
        "      <distances>",
        "        <sibling id='0' value='21'/>",
        "        <sibling id='1' value='10'/>",
        "      </distances>",
        "    </cell>",
        "  </numa>",
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"mode": "host-model"}, "<cpu mode='host-model'>"),
        ({"mode": "host-passthrough", "migratable": False},
         "<cpu mode='host-passthrough' migratable='off'>"),
        ({"mode": "maximum", "migratable": True, "check": "none"},
         "<cpu mode='maximum' check='none' migratable='on'>"),
        ({"mode": "custom", "model": "Broadwell", "match": "exact", "check": "partial"},
         "<cpu mode='custom' match='exact' check='partial'>"),
    ],
)  # fmt: skip
def test_the_mode_says_no_more_than_was_asked(asked: dict[str, Any], expected: str) -> None:
    given = job(vm(cpu=Cpu(count=2, max=2, **asked)))
    assert part(given, "cpu").splitlines()[0] == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"mode": "custom", "model": "Broadwell"}, ["<model fallback='allow'>Broadwell</model>"]),
        ({"mode": "custom", "model": "Broadwell", "fallback": "forbid"},
         ["<model fallback='forbid'>Broadwell</model>"]),
        ({"mode": "host-model", "fallback": "forbid"}, ["<model fallback='forbid'/>"]),
        ({"mode": "host-model"}, []),
    ],
)  # fmt: skip
def test_the_model_and_its_fallback(asked: dict[str, Any], expected: list[str]) -> None:
    lines = part(job(vm(cpu=Cpu(count=2, max=2, **asked))), "cpu").splitlines()
    assert [line.strip() for line in lines if "<model" in line] == expected


def test_cache_and_features_follow_the_topology() -> None:
    cpu = Cpu(
        count=2,
        max=2,
        mode="host-model",
        cache=CpuCache(mode="emulate", level=3),
        features=(("hle", "disable"), ("pcid", "require")),
    )
    assert part(job(vm(cpu=cpu)), "cpu").splitlines()[1:-1] == [
        "  <topology sockets='1' dies='1' cores='2' threads='1'/>",
        "  <cache level='3' mode='emulate'/>",
        "  <feature policy='disable' name='hle'/>",
        "  <feature policy='require' name='pcid'/>",
    ]


def test_clusters_are_printed_only_where_there_are_some_and_with_a_warning() -> None:
    outcome = render(job(vm(4), topology=Topology(clusters=2, cores=2)))
    assert outcome.value is not None
    assert "sockets='1' dies='1' clusters='2' cores='2' threads='1'" in outcome.value.text
    assert [(d.code, d.severity) for d in outcome.diagnostics] == [("KV605", Severity.WARNING)]


def test_a_fallback_without_a_model_is_left_out_and_said() -> None:
    cpu = Cpu(count=2, max=2, mode="host-passthrough", fallback="forbid")
    outcome = render(job(vm(cpu=cpu)))
    assert outcome.value is not None
    assert "fallback" not in outcome.value.text
    assert [d.code for d in outcome.diagnostics] == ["KV605"]


@pytest.mark.parametrize(("fallback", "codes"), [("forbid", ["KV605"]), ("allow", []), (None, [])])
def test_a_fallback_that_libvirt_does_not_keep_is_said(fallback: Any, codes: list[str]) -> None:
    outcome = render(job(vm(cpu=Cpu(count=2, max=2, mode="host-model", fallback=fallback))))
    assert [d.code for d in outcome.diagnostics] == codes
    assert all("does not keep fallback" in d.message for d in outcome.diagnostics)
    custom = Cpu(count=2, max=2, mode="custom", model="Haswell", fallback=fallback)
    assert render(job(vm(cpu=custom))).diagnostics == ()


def test_hypervisor_features_have_three_states() -> None:
    asked = Features(kvm_hidden=False, kvm_hint_dedicated=True, pmu=False)
    assert part(job(vm(features=asked)), "features").splitlines()[3:-1] == [
        "  <kvm>",
        "    <hidden state='off'/>",
        "    <hint-dedicated state='on'/>",
        "  </kvm>",
        "  <pmu state='off'/>",
    ]
    assert "<kvm>" not in part(job(vm(features=Features(pmu=True))), "features")


def test_over_255_vcpus_get_the_iommu_that_libvirt_asks_for() -> None:
    assert "<ioapic driver='qemu'/>" in part(job(vm(256)), "features")
    assert "<driver intremap='on' eim='on'/>" in part(job(vm(256)), "devices")
    assert "iommu" not in text(job(vm(255)))
    assert "iommu" not in text(job(vm(256, machine=Machine(machine="microvm"))))


@pytest.mark.parametrize(
    ("count", "machine", "codes"),
    [
        (255, "pc", []),
        (256, "pc", ["KV605"]),
        (256, "pc-i440fx-7.2", ["KV605"]),
        (288, None, []),
        (289, "pc-q35-7.2", ["KV605"]),
        (289, "microvm", []),
    ],
)
@pytest.mark.parametrize("target", ["libvirt", "qemu"])
def test_more_vcpus_than_the_machine_has_are_told(
    target: str, count: int, machine: str | None, codes: list[str]
) -> None:
    outcome = TARGETS[target](job(vm(count, machine=Machine(machine=machine))))
    assert [d.code for d in outcome.diagnostics if d.code == "KV605"] == codes


def test_direct_boot_takes_the_place_of_the_boot_disk() -> None:
    boot = Boot(kernel="/boot/vmlinuz", initrd="/boot/initrd.img", cmdline="a='b' <c> & \"d\"")
    assert part(job(vm(machine=Machine(boot=boot))), "os").splitlines()[2:-1] == [
        "  <kernel>/boot/vmlinuz</kernel>",
        "  <initrd>/boot/initrd.img</initrd>",
        "  <cmdline>a=&apos;b&apos; &lt;c&gt; &amp; &quot;d&quot;</cmdline>",
    ]


@pytest.mark.parametrize(
    ("emulator", "expected"),
    [
        ("/usr/bin/qemu-system-x86_64", "<type arch='x86_64' machine='q35'>hvm</type>"),
        ("/usr/bin/qemu-system-i386", "<type arch='i686' machine='q35'>hvm</type>"),
        ("/opt/qemu-system-aarch64", "<type arch='aarch64'>hvm</type>"),
        ("/usr/bin/kvm", "<type arch='x86_64' machine='q35'>hvm</type>"),
    ],
)
def test_the_architecture_is_the_emulators(emulator: str, expected: str) -> None:
    given = job(vm(machine=Machine(emulator=emulator)))
    assert expected in part(given, "os")
    assert f"<emulator>{emulator}</emulator>" in part(given, "devices")


@pytest.mark.parametrize(
    ("arch", "emulator", "expected"),
    [
        ("aarch64", None, "<type arch='aarch64'>hvm</type>"),
        ("s390x", "/usr/libexec/qemu-kvm", "<type arch='s390x'>hvm</type>"),
        ("aarch64", "/usr/bin/qemu-system-x86_64", "<type arch='x86_64' machine='q35'>hvm</type>"),
        ("x86_64", None, "<type arch='x86_64' machine='q35'>hvm</type>"),
        (None, None, "<type arch='x86_64' machine='q35'>hvm</type>"),
    ],
)
def test_without_an_emulator_that_says_it_the_architecture_is_the_hosts(
    arch: str | None, emulator: str | None, expected: str
) -> None:
    """KVM runs no other; ACPI and APIC are for x86, elsewhere libvirt refuses them."""
    given = replace(job(vm(machine=Machine(emulator=emulator))), arch=arch)
    assert expected in part(given, "os")
    assert ("<acpi/>" in text(given)) == ("x86" in expected)


def test_disks_are_lettered_and_take_turns_on_the_iothreads() -> None:
    disks = tuple(Disk(file=f"/d/{i}", format="raw") for i in range(28))
    devices = part(job(vm(iothreads=2, machine=Machine(disks=disks))), "devices")
    targets = [line.split("'")[1] for line in devices.splitlines() if "<target" in line]
    assert targets[:2] + targets[25:] == ["vda", "vdb", "vdz", "vdaa", "vdab"]
    assert devices.count("<driver name='qemu' type='raw' iothread='1'/>") == 14
    assert devices.count("<driver name='qemu' type='raw' iothread='2'/>") == 14


def test_a_relative_disk_is_a_volume_of_the_default_pool_and_this_is_said() -> None:
    outcome = render(job(vm(machine=Machine(disks=(Disk(file="a.qcow2"),)))))
    assert outcome.value is not None
    assert "<source file='/var/lib/libvirt/images/a.qcow2'/>" in outcome.value.text
    assert [(d.code, d.severity, d.place) for d in outcome.diagnostics] == [
        ("KV608", Severity.NOTE, PLACE.at("disks", 0, "file"))
    ]


def test_serial_is_a_pty_or_a_file_with_a_console_on_it() -> None:
    assert part(job(vm(machine=Machine(serial="pty"))), "devices").splitlines()[1:-1] == [
        "  <serial type='pty'>",
        "    <target port='0'/>",
        "  </serial>",
        "  <console type='pty'>",
        "    <target type='serial' port='0'/>",
        "  </console>",
    ]
    assert part(job(vm(machine=Machine(serial="/l"))), "devices").count("<source path='/l'/>") == 2


def test_every_relative_path_is_refused_at_its_place() -> None:
    machine = Machine(emulator="qemu", boot=Boot(kernel="vmlinuz", initrd="./initrd"), serial="log")
    outcome = render(job(vm(machine=machine)))
    assert outcome.value is None
    assert [(d.code, d.place) for d in outcome.diagnostics] == [
        ("KV604", PLACE.at("emulator")),
        ("KV604", PLACE.at("boot", "kernel")),
        ("KV604", PLACE.at("boot", "initrd")),
        ("KV604", PLACE.at("serial", "file")),
    ]


def test_a_base_that_was_not_read_is_not_left_out_silently() -> None:
    outcome = render(job(vm(machine=Machine(base="base.xml"))))
    assert outcome.value is None
    assert [d.code for d in outcome.diagnostics] == ["KV601"]
