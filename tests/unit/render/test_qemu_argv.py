"""Nothing of a spec becomes an option: the argv is read back, by QEMU's rules and by a shell."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kvmc.render.qemu import QMP_FOLDER, argv_of, qmp_path, render
from kvmc.spec.model import Boot, Cpu, Disk, Machine
from tests.support.argv_facts import facts, pairs, split
from tests.support.jobs import job, jobs, vm
from tests.support.judged_jobs import judged_job

if TYPE_CHECKING:
    from pathlib import Path

    from kvmc.render.model import Artifact, Job

NASTY = st.text(st.sampled_from(",=-S \\$'\"`!*?~#&;|<>(){}[]:/.aB7äλ🐧"), min_size=1, max_size=15)
FILES = NASTY.map(lambda text: f"/{text}")


def _argv(given: Job, qmp: str | None = None) -> tuple[str, ...]:
    outcome = argv_of(given, qmp=qmp, paused=False)
    assert outcome.value is not None, outcome.diagnostics
    return outcome.value


def _artifact(given: Job) -> Artifact:
    outcome = render(given)
    assert outcome.value is not None, outcome.diagnostics
    return outcome.value


def _values(argv: tuple[str, ...], name: str) -> list[dict[str, str]]:
    return [dict(pairs(text or "", "head")) for option, text in split(argv) if option == name]


def _words(text: str) -> list[str]:
    """Return a command's words; shlex does not know that a backslash joins lines."""
    return shlex.split(text.replace(" \\\n  ", " "))


@settings(max_examples=50)
@given(jobs())
def test_the_text_is_the_argv_for_a_shell(given: Job) -> None:
    artifact = _artifact(given)
    assert _words(artifact.text) == ["mkdir", "-p", QMP_FOLDER, "&&", *artifact.argv]


@settings(max_examples=50)
@given(jobs())
def test_every_command_line_has_facts(given: Job) -> None:
    found = facts(_argv(given))
    topology = given.plan.topology
    assert found.smp["cpus"] == given.vm.cpu.count
    assert found.smp["maxcpus"] == given.vm.cpu.max == topology.vcpus
    assert found.memory == given.vm.memory_kib << 10
    assert sorted(c for node in found.nodes for c in node.cpus) == (
        list(range(given.vm.cpu.max)) if given.vm.numa.cells else []
    )
    assert len(found.iothreads) == given.vm.iothreads


@settings(max_examples=150)
@given(
    name=NASTY, machine=NASTY, emulator=NASTY, kernel=FILES, initrd=FILES, cmdline=NASTY,
    disk=FILES, serial=FILES, qmp=NASTY,
)  # fmt: skip
def test_no_text_of_a_spec_becomes_an_option(
    name: str, machine: str, emulator: str, kernel: str, initrd: str, cmdline: str, disk: str,
    serial: str, qmp: str,
) -> None:  # fmt: skip
    def made(boot: Boot, file: str, log: str, **texts: str) -> Job:
        rest = Machine(
            machine=texts["machine"], emulator=texts["emulator"], boot=boot,
            disks=(Disk(file=file, format="raw"),), serial=log,
        )  # fmt: skip
        return job(vm(name=texts["name"], machine=rest))

    plain = made(Boot(kernel="/k", initrd="/i", cmdline="c"), "/d", "/l",
                 machine="q35", emulator="qemu-system-x86_64", name="n")  # fmt: skip
    # the emulator's name decides the architecture, which is not what this is about
    nasty = made(Boot(kernel=kernel, initrd=initrd, cmdline=cmdline), disk, serial,
                 machine=machine, emulator=f"x{emulator}", name=name)  # fmt: skip
    argv = _argv(nasty, qmp)
    assert [o for o, _ in split(argv)] == [o for o, _ in split(_argv(plain, "/q"))]
    assert argv[0] == f"x{emulator}"
    assert _values(argv, "-name") == [{"guest": name, "debug-threads": "on"}]
    assert _values(argv, "-machine")[0]["type"] == machine
    assert _values(argv, "-machine")[0].keys() == _values(_argv(plain), "-machine")[0].keys()
    assert _values(argv, "-blockdev") == [
        {"driver": "raw", "node-name": "disk0", "file.driver": "file", "file.filename": disk}
    ]
    assert _values(argv, "-chardev") == [
        {"head": "socket", "id": "qmp", "path": qmp, "server": "on", "wait": "off"},
        {"head": "file", "id": "serial0", "path": serial},
    ]
    words = dict(split(argv))
    assert (words["-kernel"], words["-initrd"], words["-append"]) == (kernel, initrd, cmdline)
    assert _words(_artifact(nasty).text)[4:6] == [f"x{emulator}", "-name"]


@given(NASTY)
def test_a_cpu_name_that_could_become_an_option_is_refused(name: str) -> None:
    cpu = Cpu(count=2, max=2, mode="custom", model=name)
    outcome = argv_of(job(vm(cpu=cpu)), qmp=None, paused=False)
    if outcome.value is None:
        assert [d.code for d in outcome.diagnostics] == ["KV622"]
    else:
        assert facts(outcome.value).cpu == name
        assert facts(outcome.value).features == {}


@pytest.mark.parametrize("number", range(20))
def test_a_real_shell_reads_the_argv(number: int, tmp_path: Path) -> None:
    """The emulator is a script that prints its words."""
    asked = judged_job(number)
    script = tmp_path / "qe=mu,'x' $HOME"
    script.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n", "utf-8")
    script.chmod(0o755)
    boot = Boot(kernel="/k", cmdline="`id` $(id) !! \\ 'a' \"b\" é")
    machine = Machine(emulator=str(script), boot=boot)
    asked = replace(asked, vm=replace(asked.vm, machine=machine))
    artifact = _artifact(asked)
    text = artifact.text.removeprefix(f"mkdir -p {QMP_FOLDER} &&\n")
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True)
    assert tuple(done.stdout.split("\0")[:-1]) == artifact.argv[1:]


def test_a_command_that_would_be_an_assignment_is_quoted() -> None:
    artifact = _artifact(job(vm(machine=Machine(emulator="LD_PRELOAD=x"))))
    assert "\n'LD_PRELOAD=x' \\\n" in artifact.text


def test_paused_and_the_socket_are_the_callers_choice() -> None:
    plain = argv_of(job(), qmp=None, paused=False).value or ()
    asked = argv_of(job(), qmp="/q", paused=True).value or ()
    assert "-S" not in plain
    assert "-mon" not in plain
    assert "-S" in asked
    assert [w for w in asked if w not in plain] == [
        "-S", "-chardev", "socket,id=qmp,path=/q,server=on,wait=off", "-mon",
        "chardev=qmp,mode=control",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["n", "n" * 80, "n" * 81, "n" * 200, "é" * 100])
def test_a_socket_path_is_never_too_long_for_the_kernel(name: str) -> None:
    assert len(qmp_path(name).encode()) <= 107


def test_long_names_that_begin_alike_have_sockets_of_their_own() -> None:
    assert qmp_path("n" * 120) != qmp_path("n" * 121)


@pytest.mark.parametrize(
    ("fact", "old", "new"),
    [
        ("accel", "kvm", "tcg"),
        ("cpu", "Broadwell", "Haswell"),
        ("features", "hle=off", "hle=on"),
        ("smp", "threads=2", "threads=1"),
        ("memory", "-m size=2G", "-m size=3G"),
        ("nodes", "size=1G", "size=2G"),
        ("nodes", "share=on", "share=off"),
        ("nodes", "hugetlbsize=2M", "hugetlbsize=1G"),
        ("nodes", "prealloc=on", "prealloc=off"),
        ("nodes", "policy=bind", "policy=preferred"),
        ("nodes", "host-nodes=1", "host-nodes=0"),
        ("nodes", "node-affinity=1", "node-affinity=0"),
        ("nodes", "cpus=0-1", "cpus=0"),
        ("distances", "val=31", "val=21"),
        ("iothreads", "id=iothread2", "id=iothread3"),
        ("disk_iothreads", "iothread=iothread1", "iothread=iothread2"),
        ("mem_lock", "mem-lock=on", "mem-lock=off"),
        ("mem_merge", "mem-merge=off", "mem-merge=on"),
        ("dump", "dump-guest-core=off", "dump-guest-core=on"),
    ],
)
def test_the_judge_sees_every_fact(fact: str, old: str, new: str) -> None:
    """The judge's tests are worth what it notices."""
    line = (
        "qemu -accel kvm -machine type=q35,dump-guest-core=off,mem-merge=off -cpu "
        "Broadwell,hle=off -smp cpus=4,maxcpus=4,sockets=1,cores=2,threads=2 -m size=2G -object "
        "thread-context,id=tc,node-affinity=1 -object memory-backend-memfd,id=a,size=1G,share=on,"
        "hugetlb=on,hugetlbsize=2M,prealloc=on,prealloc-context=tc,host-nodes=1,policy=bind "
        "-object memory-backend-ram,id=b,size=1024M -numa node,nodeid=0,cpus=0-1,memdev=a -numa "
        "node,nodeid=1,cpus=2,cpus=3,memdev=b -numa dist,src=0,dst=1,val=31 -overcommit "
        "mem-lock=on -object iothread,id=iothread1 -object iothread,id=iothread2 -device "
        "virtio-blk-pci,drive=d,iothread=iothread1"
    )
    assert old in line
    changed = line.replace(old, new)
    assert set(facts(changed.split()).differs(facts(line.split()))) == {fact}
