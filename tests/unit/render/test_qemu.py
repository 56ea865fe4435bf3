"""The command line part by part: what each field of a spec and a plan becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kvmc.cpuset import CpuSet
from kvmc.diagnostics import Severity
from kvmc.planner.model import CellPlan, IothreadPin
from kvmc.render.qemu import argv_of, render
from kvmc.spec.model import (
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
from tests.support.argv_facts import split
from tests.support.jobs import GIB, job, vm

if TYPE_CHECKING:
    from kvmc.render.model import Job


def _of(given: Job, name: str) -> list[str]:
    outcome = argv_of(given, qmp=None, paused=False)
    assert outcome.value is not None, outcome.diagnostics
    return [text or "" for option, text in split(outcome.value) if option == name]


def _cpu(kind: Any = "kvm", hypervisor: Features | None = None, **given: Any) -> list[str]:
    asked = vm(cpu=Cpu(count=2, max=2, **given), machine=Machine(type=kind),
               features=hypervisor or Features())  # fmt: skip
    return _of(job(asked), "-cpu")


def _codes(given: Job) -> list[str]:
    return [d.code for d in render(given).diagnostics]


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        ("qemu64", {}),
        ("host,migratable=on", {"mode": "host-passthrough"}),
        ("host,migratable=off", {"mode": "host-passthrough", "migratable": False}),
        ("max", {"mode": "maximum"}),
        ("max,migratable=on", {"mode": "maximum", "migratable": True}),
        ("host,migratable=on", {"mode": "host-model"}),
        ("max", {"mode": "host-model", "kind": "qemu"}),
        ("Broadwell", {"mode": "custom", "model": "Broadwell"}),
        ("EPYC,monitor=off", {"mode": "custom", "model": "EPYC"}),
        ("EPYC,monitor=on",
         {"mode": "custom", "model": "EPYC", "features": (("monitor", "require"),)}),
        ("Broadwell,l3-cache=on",
         {"mode": "custom", "model": "Broadwell", "cache": CpuCache(mode="emulate", level=3)}),
        ("max,host-cache-info=on,l3-cache=off",
         {"mode": "maximum", "cache": CpuCache(mode="passthrough")}),
        ("qemu64,kvm=off,kvm-hint-dedicated=on,pmu=off",
         {"hypervisor": Features(kvm_hidden=True, kvm_hint_dedicated=True, pmu=False)}),
        ("qemu64", {"hypervisor": Features(kvm_hidden=False, kvm_hint_dedicated=False)}),
    ],
)  # fmt: skip
def test_the_cpu(expected: str, given: dict[str, Any]) -> None:
    assert _cpu(**given) == [expected]


@pytest.mark.parametrize(
    ("name", "policy", "expected"),
    [
        ("pclmuldq", "require", ",pclmulqdq=on"),
        ("lahf_lm", "force", ",lahf-lm=on"),
        ("sse4.1", "optional", ",sse4.1=on"),
        ("hle", "disable", ",hle=off"),
        ("hle", "forbid", ",hle=off"),
        ("osxsave", "require", ""),
        ("pconfig", "disable", ""),
        ("pconfig", "require", ",pconfig=on"),
    ],
)
def test_features_have_qemus_names(name: str, policy: str, expected: str) -> None:
    found = _cpu(mode="custom", model="qemu64", features=((name, policy),))
    assert found == [f"qemu64{expected}"]


def test_other_architectures_choose_their_own_cpu_and_machine() -> None:
    arm = job(vm(machine=Machine(emulator="/usr/bin/qemu-system-aarch64")))
    assert _of(arm, "-cpu") == []
    assert _of(arm, "-machine") == ["type=virt,dump-guest-core=off,memory-backend=mach-virt.ram"]
    s390 = job(vm(machine=Machine(emulator="qemu-system-s390x", disks=(Disk(file="/d"),))))
    assert _of(s390, "-device") == ["virtio-blk-ccw,drive=disk0,id=virtio-disk0,bootindex=1"]


def test_every_level_of_the_topology_is_said() -> None:
    asked = job(vm(3, 16), topology=Topology(sockets=2, dies=2, cores=2, threads=2))
    assert _of(asked, "-smp") == ["cpus=3,maxcpus=16,sockets=2,dies=2,cores=2,threads=2"]
    arm = job(vm(4), topology=Topology(clusters=2, cores=2))
    assert _of(arm, "-smp") == ["cpus=4,maxcpus=4,sockets=1,dies=1,clusters=2,cores=2,threads=1"]


@pytest.mark.parametrize(("arch", "codes"), [("x86_64", ["KV605"]), ("aarch64", [])])
def test_clusters_are_for_arm_alone(arch: str, codes: list[str]) -> None:
    asked = replace(job(vm(4), topology=Topology(clusters=2, cores=2)), arch=arch)
    found = argv_of(asked, qmp=None, paused=False)
    assert [(d.code, d.severity) for d in found.diagnostics] == [
        (code, Severity.WARNING) for code in codes
    ]


@pytest.mark.parametrize(
    ("expected", "backing"),
    [
        ("ram,id=pc.ram,size=1G", {}),
        ("ram,id=pc.ram,size=1G,share=off", {"access": "private"}),
        ("memfd,id=pc.ram,size=1G,share=on", {"access": "shared"}),
        ("memfd,id=pc.ram,size=1G,share=on", {"source": "memfd"}),
        ("memfd,id=pc.ram,size=1G,share=off", {"source": "memfd", "access": "private"}),
        ("file,id=pc.ram,size=1G,mem-path=/dev/shm,share=on",
         {"source": "file", "access": "shared"}),
        ("ram,id=pc.ram,size=1G,prealloc=on", {"allocation": "immediate"}),
        ("memfd,id=pc.ram,size=1G,share=off,hugetlb=on,hugetlbsize=2M,prealloc=on",
         {"hugepages_kib": 2048}),
        ("memfd,id=pc.ram,size=1G,share=on,hugetlb=on,hugetlbsize=1G,prealloc=on",
         {"hugepages_kib": GIB, "source": "memfd"}),
        ("ram,id=pc.ram,size=1G", {"hugepages_kib": 4}),
    ],
)  # fmt: skip
def test_what_memory_is_made_of(expected: str, backing: dict[str, Any]) -> None:
    found = _of(job(vm(memory_backing=MemoryBacking(**backing))), "-object")
    assert found == [f"memory-backend-{expected}"]


def test_memory_of_the_whole_vm_is_bound_and_preallocated_on_its_nodes() -> None:
    asked = job(
        vm(memory_backing=MemoryBacking(allocation="immediate")),
        memory_nodes=CpuSet((0, 1, 3)),
        memory_mode="interleave",
    )
    assert _of(asked, "-object") == [
        "thread-context,id=tc-pc.ram,node-affinity=0-1,node-affinity=3",
        (
            "memory-backend-ram,id=pc.ram,size=1G,prealloc=on,prealloc-context=tc-pc.ram,"
            "host-nodes=0-1,host-nodes=3,policy=interleave"
        ),
    ]


def _cells(**numa: Any) -> Job:
    cells = (
        Cell(id=0, cpus=CpuSet((0, 2, 3)), memory_kib=GIB, distances=((1, 31),)),
        Cell(id=1, cpus=CpuSet((1,)), memory_kib=GIB + 1, access="shared"),
    )
    asked = vm(4, numa=Numa(cells=cells, **numa), memory_kib=2 * GIB + 1)
    placed = tuple(
        CellPlan(id=c.id, vcpus=c.cpus, memory_kib=c.memory_kib, host_node=1 - c.id) for c in cells
    )
    return job(asked, cells=placed)


def test_cells() -> None:
    asked = _cells()
    assert _of(asked, "-m") == ["size=2049M"]
    assert _of(asked, "-object") == [
        "memory-backend-ram,id=ram-node0,size=1G,host-nodes=1,policy=bind",
        "memory-backend-memfd,id=ram-node1,size=1025M,share=on,host-nodes=0,policy=bind",
    ]
    assert _of(asked, "-numa") == [
        "node,nodeid=0,cpus=0,cpus=2-3,memdev=ram-node0",
        "node,nodeid=1,cpus=1,memdev=ram-node1",
        "dist,src=0,dst=0,val=10",
        "dist,src=0,dst=1,val=31",
        "dist,src=1,dst=0,val=31",
        "dist,src=1,dst=1,val=10",
    ]
    assert _of(asked, "-machine") == ["type=q35,dump-guest-core=off"]


def test_restrictive_is_no_policy_of_qemus() -> None:
    asked = _cells(mode="restrictive")
    assert not any("host-nodes" in text for text in _of(asked, "-object"))
    assert _codes(asked) == ["KV620"]


def test_a_cell_the_plan_leaves_alone_follows_the_whole_vm() -> None:
    asked = _cells()
    half = replace(asked.plan.cells[0], host_node=None)
    free = replace(asked, plan=replace(asked.plan, cells=(half, asked.plan.cells[1])))
    assert _of(free, "-object")[0] == "memory-backend-ram,id=ram-node0,size=1G"


def test_disks_take_turns_on_the_iothreads() -> None:
    disks = tuple(Disk(file=f"/{i}", format="raw") for i in range(3))
    asked = job(vm(iothreads=2, machine=Machine(disks=disks)))
    assert _of(asked, "-object")[-2:] == ["iothread,id=iothread1", "iothread,id=iothread2"]
    assert [text.partition("iothread=")[2] for text in _of(asked, "-device")] == [
        "iothread1,bootindex=1", "iothread2", "iothread1",
    ]  # fmt: skip


def test_one_note_says_all_that_only_a_running_guest_can_be_told() -> None:
    fifo = Scheduler(vcpus=CpuSet((0,)), policy="fifo", priority=1)
    asked = job(
        vm(iothreads=1, tune=Tune(shares=1024, quota=5000, scheduler=(fifo,))),
        pins={0: "1", 1: "2"},
        emulator=CpuSet((3,)),
        iothreads=(IothreadPin(id=1, cpus=CpuSet((3,))),),
        memory_nodes=CpuSet((0,)),
        memory_mode="restrictive",
    )
    (said,) = render(asked).diagnostics
    assert said.code == "KV620"
    assert said.message == (
        "QEMU's command line cannot carry 2 vCPU pins, the emulator pin, 1 I/O thread pin, "
        "tune.shares/quota, the scheduler and numa mode restrictive"
    )
    assert argv_of(asked, qmp=None, paused=True).diagnostics == ()


def test_a_plan_that_a_command_line_can_carry_whole_is_not_spoken_of() -> None:
    assert render(job()).diagnostics == ()


def test_a_base_is_refused() -> None:
    asked = job(vm(machine=Machine(base="base.xml")), base=b"<domain/>")
    assert render(asked).value is None
    assert _codes(asked) == ["KV621"]
