"""Real QEMU takes the command lines, and counts CPUs and memory as they say."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kvmc.render.qemu import argv_of
from kvmc.spec.model import Boot, Disk, Machine
from tests.support.argv_facts import Ram, facts
from tests.support.jobs import job, vm
from tests.support.judged_jobs import judged_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kvmc.render.model import Job

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        shutil.which("qemu-system-x86_64") is None, reason="qemu-system-x86_64 is not installed"
    ),
]

QUICK, ALL = 10, 80
SECONDS = 60


class Monitor:
    """A QMP session."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(SECONDS)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rw", encoding="utf-8")
        self._file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments: Any) -> Any:
        """Return the answer; events in between are passed over."""
        self._file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._file.flush()
        while True:
            answer = json.loads(self._file.readline())
            assert "error" not in answer, answer
            if "return" in answer:
                return answer["return"]


@contextmanager
def _started(given: Job, folder: Path) -> Iterator[tuple[Monitor, tuple[str, ...]]]:
    """Yield the monitor of a paused QEMU, and the words it was started with."""
    path = folder / "q,mp=1"
    argv = argv_of(given, qmp=str(path), paused=True)
    assert argv.value is not None, argv.diagnostics
    words = argv.value
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield _connected(process, path), words
        finally:
            process.kill()


def _connected(process: subprocess.Popen[str], path: Path) -> Monitor:
    """Return a session once QEMU listens: the socket's file is there a moment before it does."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            return Monitor(path)
        except (OSError, ValueError):
            if process.poll() is not None:
                break
            time.sleep(0.02)
    process.kill()
    pytest.fail(process.stderr.read() if process.stderr else "QEMU is gone")


def _memdev(given: dict[str, Any]) -> tuple[int, bool, bool, tuple[int, ...], str]:
    return (given["size"], given["share"], given["prealloc"], tuple(given["host-nodes"]),
            given["policy"])  # fmt: skip


def _ram(given: Ram) -> tuple[int, bool, bool, tuple[int, ...], str]:
    return (given.size, given.shared, given.prealloc, given.nodes, given.policy)


@pytest.mark.parametrize(
    "number",
    [
        *range(QUICK),
        *(pytest.param(i, marks=pytest.mark.slow) for i in range(QUICK, ALL)),
    ],
)
def test_qemu_counts_as_the_command_line_says(number: int, tmp_path: Path) -> None:
    given = judged_job(number, here=True)
    with _started(given, tmp_path) as (monitor, argv):
        said = facts(argv)
        smp = monitor.ask("qom-get", path="/machine", property="smp")
        assert {level: smp[level] for level in ("cpus", "sockets", "dies", "cores", "threads")} == {
            level: said.smp[level] for level in ("cpus", "sockets", "dies", "cores", "threads")
        }
        assert smp["maxcpus"] == given.vm.cpu.max
        cpus = monitor.ask("query-cpus-fast")
        assert len(cpus) == given.vm.cpu.count
        if len(said.nodes) > 1:
            assert {c["cpu-index"]: c["props"]["node-id"] for c in cpus} == {
                i: given.vm.cell_of(i) for i in range(given.vm.cpu.count)
            }
        # without thread=multi they would all be one
        assert len({c["thread-id"] for c in cpus}) == given.vm.cpu.count
        rams = [said.ram] if said.ram else [node.ram for node in said.nodes]
        assert sorted(map(_memdev, monitor.ask("query-memdev"))) == sorted(map(_ram, rams))
        assert sorted(t["id"] for t in monitor.ask("query-iothreads")) == list(said.iothreads)
        hotpluggable = monitor.ask("query-hotpluggable-cpus")
        assert sum(c["vcpus-count"] for c in hotpluggable) == given.vm.cpu.max
        assert monitor.ask("query-name") == {"name": given.vm.name}


def test_paths_and_texts_reach_qemu_as_they_are_written(tmp_path: Path) -> None:
    """With commas, `=` and quotes in every one of them."""
    disk, log = tmp_path / "a,b=c 'd'.img", tmp_path / "l,og=1,append=on"
    disk.write_bytes(bytes(1 << 20))
    given = job(
        vm(
            name="n,a=b 'c'",
            memory_kib=64 * 1024,
            iothreads=1,
            machine=Machine(
                type="qemu", disks=(Disk(file=str(disk), format="raw"),), serial=str(log)
            ),
        )
    )
    with _started(given, tmp_path) as (monitor, _):
        assert log.exists()
        assert monitor.ask("query-name") == {"name": "n,a=b 'c'"}
        (block,) = monitor.ask("query-block")
        assert block["inserted"]["image"]["filename"] == str(disk)
        device = monitor.ask(
            "qom-get", path="/machine/peripheral/virtio-disk0", property="iothread"
        )
        assert device == "/objects/iothread1"


def test_a_machine_name_with_an_option_in_it_is_no_machine(tmp_path: Path) -> None:
    given = job(vm(machine=Machine(type="qemu", machine="q35,accel=kvm")))
    argv = argv_of(given, qmp=str(tmp_path / "q"), paused=True).value or ()
    done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode != 0
    assert "unsupported machine type" in done.stderr


def test_a_kernel_is_read_from_its_path(tmp_path: Path) -> None:
    boot = Boot(kernel=str(tmp_path / "no,ker=nel"), cmdline="-S a,b=c")
    given = job(vm(memory_kib=64 * 1024))
    given = replace(given, vm=replace(given.vm, machine=Machine(type="qemu", boot=boot)))
    argv = argv_of(given, qmp=None, paused=True).value or ()
    done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert "no,ker=nel" in done.stderr
