"""`kvmc run`, `hotplug` and `ps` with a real QEMU under TCG and a real Linux in it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvmc.runtime import cgroupfs, guests, limits
from tests.support.guest import (
    CMDLINE,
    READY,
    kernel_and_initrd,
    python_kernel_and_initrd,
    report,
    wait_for,
)
from tests.support.paths import REPO
from tests.support.runtime import install_qemu

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("run")]

CPUS = sorted(os.sched_getaffinity(0))
FIRST, LAST = str(CPUS[0]), str(CPUS[-1])
BOTH = f"{FIRST}-{LAST}" if CPUS[-1] - CPUS[0] == 1 else f"{FIRST},{LAST}"
WAIT = 60
GUEST_WAIT = 300
"""Seconds until a guest under TCG has started Python some dozen times."""

PINNED = f"""
kvmc: v1
kind: vm
name: kvmc-test-run
host: here
memory: 256MiB
type: qemu
iothreads: 1
cpu: {{count: 3, max: 5, topology: {{sockets: 5}}, mode: custom, model: Haswell, check: none}}
tune: {{scheduler: [{{vcpus: 2-4, policy: batch}}]}}
pin:
  strategy: manual
  map: {{0: "{FIRST}", 1: "{LAST}", 2: "{BOTH}", 3: "{BOTH}", 4: "{BOTH}"}}
  emulator: "{FIRST}"
  iothreads: "{LAST}"
"""
FLOATING = """
kvmc: v1
kind: vm
name: kvmc-test-run-cells
type: qemu
cpu: {count: 4, topology: {sockets: 2, threads: 2}, mode: custom, model: Haswell, check: none}
numa:
  cells:
    - {cpus: 0-1, memory: 96MiB}
    - {cpus: 2-3, memory: 192MiB}
"""

LIMITED = f"""
kvmc: v1
kind: vm
name: kvmc-test-run-limits
host: here
type: qemu
cpu: {{count: 2, max: 3, topology: {{sockets: 3}}, mode: custom, model: Haswell, check: none}}
memory: 256MiB
tune:
  shares: 2048
  period: 50000
  quota: 20000
  scheduler: [{{vcpus: 1, policy: fifo, priority: 1}}]
pin: {{strategy: manual, map: {{0: "{BOTH}", 1: "{LAST}", 2: "{BOTH}"}}}}
"""


class Machine:
    """A folder with specs, a runtime folder, and kvmc run in both."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.folder, self.runtime = folder, runtime
        self.serial = folder / "serial.log"

    def write(self, spec: str, **boot: str) -> None:
        """Write a spec with a direct boot and its serial line in a file."""
        kernel, initrd = kernel_and_initrd(self.folder)
        given = {"kernel": str(kernel), "initrd": str(initrd), "cmdline": CMDLINE, **boot}
        tail = f"boot: {json.dumps(given)}\nserial: {{file: {self.serial}}}\n"
        (self.folder / "vm.yaml").write_text(spec + tail, "utf-8")

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        """Start kvmc."""
        return subprocess.Popen(
            [sys.executable, "-m", "kvmc.cli", *arguments],
            cwd=self.folder,
            env={**os.environ, "XDG_RUNTIME_DIR": str(self.runtime)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kvmc(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """Run kvmc to its end; return stdout and stderr."""
        process = self.popen(*arguments)
        out, err = process.communicate(timeout=WAIT)
        assert process.returncode == code, f"{arguments}: {err}"
        return out, err

    def registered(self) -> list[Path]:
        """Return the records of guests below the runtime folder."""
        return sorted(self.runtime.glob("kvmc/*/guest.json"))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    if shutil.which("qemu-system-x86_64") is None:
        reason = "qemu-system-x86_64 is not installed"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    if len(CPUS) == 1:
        pytest.skip("one CPU is not enough to tell pins apart")
    # a socket's path is short, and pytest's folders are not
    runtime = Path(tempfile.mkdtemp(prefix="kvmc-"))
    made = Machine(tmp_path, runtime)
    try:
        yield made
    finally:
        for record in made.registered():
            pid = json.loads(record.read_text("utf-8"))["pid"]
            if "qemu" in _text(Path(f"/proc/{pid}/cmdline")):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(runtime)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _threads(pid: int) -> dict[str, tuple[str, int]]:
    """Return thread name -> CPUs it may use and scheduling policy; equal names must agree."""
    found: dict[str, tuple[str, int]] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = dict(line.split(":", 1) for line in _text(task / "status").splitlines())
        if not status:
            continue
        name, cpus = status["Name"].strip(), status["Cpus_allowed_list"].strip()
        seen = (cpus, os.sched_getscheduler(int(task.name)))
        assert found.setdefault(name, seen) == seen, name
    return found


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not done():
        assert time.monotonic() < end, "too late"
        time.sleep(0.1)


def _topology(cpuinfo: str) -> dict[str, list[int]]:
    """Return the numbers of a field of /proc/cpuinfo, a CPU each."""
    fields: dict[str, list[int]] = {}
    for line in cpuinfo.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if value.isdecimal():
            fields.setdefault(key, []).append(int(value))
    return fields


def test_a_guest_is_pinned_plugged_and_unplugged(machine: Machine) -> None:
    machine.kvmc("host", "probe", "--name", "here", "-o", "hosts/here.yaml")
    machine.write(PINNED)
    out, _ = machine.kvmc("run", "--detach", "--pid-file", "pid", "--format", "json", "vm.yaml")
    pid = int((machine.folder / "pid").read_text("ascii"))
    assert json.loads(out)["pid"] == pid
    other, batch = os.SCHED_OTHER, os.SCHED_BATCH
    vcpus = {
        "CPU 0/TCG": (FIRST, other),
        "CPU 1/TCG": (LAST, other),
        "CPU 2/TCG": (BOTH, batch),
    }
    threads = _threads(pid)
    assert {name: seen for name, seen in threads.items() if name.startswith("CPU ")} == vcpus
    assert threads.pop("IO iothread1") == (LAST, other)
    emulator = {seen for name, seen in threads.items() if not name.startswith("CPU ")}
    assert emulator == {(FIRST, other)}

    seen = report(wait_for(machine.serial, "kvmc-online 0-2", WAIT))
    topology = _topology(seen.cpuinfo)
    assert topology["physical id"] == [0, 1, 2]
    assert topology["cpu cores"] == topology["siblings"] == [1, 1, 1]
    assert 200 * 1024 < seen.nodes[0][1] <= 256 * 1024

    _hotplug(machine, pid)
    os.kill(pid, signal.SIGTERM)
    _until(lambda: not (machine.folder / "pid").exists())  # QEMU removes it at its end
    _, said = machine.kvmc("hotplug", "kvmc-test-run", "4", code=1)
    assert "KV769" in said
    assert machine.registered() == []


def _hotplug(machine: Machine, pid: int) -> None:
    for count, vcpu in ((4, 3), (5, 4)):
        _, said = machine.kvmc("hotplug", "kvmc-test-run", str(count))
        assert f"vCPU {vcpu} added, pinned to {BOTH}" in said
        # it inherited FIRST from the main thread
        assert _threads(pid)[f"CPU {vcpu}/TCG"] == (BOTH, os.SCHED_BATCH)
        wait_for(machine.serial, f"kvmc-online 0-{vcpu}", WAIT)
    _, said = machine.kvmc("hotplug", "kvmc-test-run", "6", code=1)
    assert "error[KV770]" in said
    assert "5 are plugged and 0 can be added, so 6 is 1 too many" in said
    rows = json.loads(machine.kvmc("ps", "--format", "json")[0])["threads"]
    ours = {row["name"]: row for row in rows if row["pid"] == pid and row["kind"] == "vcpu"}
    assert {name: row["allowed"] for name, row in ours.items()} == {
        "0": FIRST, "1": LAST, "2": BOTH, "3": BOTH, "4": BOTH,
    }  # fmt: skip
    assert {(row["guest"], row["started_by"]) for row in ours.values()} == {
        ("kvmc-test-run", "kvmc")
    }
    _, said = machine.kvmc("hotplug", "kvmc-test-run", "4")
    assert "vCPU 4 removed" in said
    _until(lambda: report(machine.serial.read_text("utf-8")).online[-1] == "0-3")
    assert "CPU 4/TCG" not in _threads(pid)
    # QEMU 7.2 aborts under TCG where a vCPU is plugged after one was unplugged
    _, said = machine.kvmc("hotplug", "kvmc-test-run", "5", code=4)
    assert "KV779" in said
    _, said = machine.kvmc("hotplug", "kvmc-test-run", "2", code=1)
    assert "KV771" in said
    assert _threads(pid)


def test_a_foreground_guest_shows_its_cells_and_ends_on_sigterm(machine: Machine) -> None:
    machine.write(FLOATING)
    process = machine.popen("run", "vm.yaml")
    try:
        seen = report(wait_for(machine.serial, READY, WAIT))
        (record,) = machine.registered()
        guest = json.loads(record.read_text("utf-8"))
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=WAIT)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "kvmc-test-run-cells runs as process" in said
    assert "terminating on signal 15" in said
    assert not Path(f"/proc/{guest['pid']}").exists()
    assert list((machine.runtime / "kvmc").iterdir()) == []
    topology = _topology(seen.cpuinfo)
    assert topology["physical id"] == [0, 0, 1, 1]
    assert set(topology["cpu cores"]) == {1}
    assert set(topology["siblings"]) == {2}
    assert [cpu.siblings for cpu in seen.cpus.values()] == ["0-1", "0-1", "2-3", "2-3"]
    assert {node: cpus for node, (cpus, _) in seen.nodes.items()} == {0: "0-1", 1: "2-3"}
    # the kernel keeps some of each node to itself
    assert 48 * 1024 < seen.nodes[0][1] <= 96 * 1024
    assert 144 * 1024 < seen.nodes[1][1] <= 192 * 1024


def test_a_qemu_that_dies_is_quoted_and_gone(machine: Machine) -> None:
    machine.write(FLOATING, kernel="/no/such/kernel")
    _, said = machine.kvmc("run", "--detach", "vm.yaml", code=4)
    assert "error[KV761]" in said
    assert "could not load kernel '/no/such/kernel'" in said or "No such file" in said
    assert list((machine.runtime / "kvmc").iterdir()) == []


def test_a_start_that_is_interrupted_leaves_nothing(machine: Machine) -> None:
    machine.write(FLOATING)
    emulator = machine.folder / "slow"
    emulator.write_text("#!/bin/sh\necho $$ >pid\nexec sleep 60\n", "utf-8")
    emulator.chmod(0o755)
    with (machine.folder / "vm.yaml").open("a", encoding="utf-8") as spec:
        spec.write(f"emulator: {emulator}\n")
    process = machine.popen("run", "vm.yaml")
    _until(lambda: _text(machine.folder / "pid").endswith("\n"))
    pid = int(_text(machine.folder / "pid"))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=WAIT)
    assert process.returncode == 130
    assert not Path(f"/proc/{pid}").exists()
    assert list((machine.runtime / "kvmc").iterdir()) == []


def test_limits_are_those_of_cgroups(machine: Machine) -> None:
    homes = limits.homes(*(_text(path) for path in (cgroupfs.MOUNTS, cgroupfs.OWN)))
    if os.geteuid() != 0 or not any(os.access(home.path, os.W_OK) for home in homes):
        pytest.skip("only root may make cgroups, and only where the cpu controller is mounted")
    machine.kvmc("host", "probe", "--name", "here", "-o", "hosts/here.yaml")
    machine.write(LIMITED)
    # --strict: any refusal of the kernel ends it
    machine.kvmc("run", "--strict", "--detach", "--pid-file", "pid", "vm.yaml")
    (record,) = machine.registered()
    guest = json.loads(record.read_text("utf-8"))
    version, group = guest["group"][0], Path(guest["group"][1])
    assert group.name == f"kvmc-{guest['pid']}-kvmc-test-run-limits"
    threads = {
        _text(task / "comm").strip(): int(task.name)
        for task in Path(f"/proc/{guest['pid']}/task").iterdir()
    }
    assert os.sched_getscheduler(threads["CPU 1/TCG"]) == os.SCHED_FIFO
    wait_for(machine.serial, "kvmc-online 0-1", WAIT)
    machine.kvmc("hotplug", "kvmc-test-run-limits", "3")
    if version == 1:
        assert _text(group / "cpu.shares") == "2048\n"
        bounds, members = "cpu.cfs_quota_us", "tasks"
    else:
        assert _text(group / "cpu.weight") == "200\n"
        bounds, members = "cpu.max", "cgroup.threads"
    for vcpu in (0, 2):
        assert _text(group / f"vcpu{vcpu}" / bounds).split()[0] == "20000"
        assert len(_text(group / f"vcpu{vcpu}" / members).split()) == 1
    assert _text(group / "vcpu0" / members).split() == [str(threads["CPU 0/TCG"])]
    # it booted on two fifths of a CPU
    stat = dict(line.split() for line in _text(group / "vcpu0" / "cpu.stat").splitlines())
    assert int(stat["nr_throttled"]) > 0
    machine.kvmc("hotplug", "kvmc-test-run-limits", "2")
    assert not (group / "vcpu2").exists()
    os.kill(guest["pid"], signal.SIGTERM)
    _until(lambda: not (machine.folder / "pid").exists())
    machine.kvmc("ps")
    assert not group.exists()


def test_a_failed_start_leaves_no_cgroup(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _groups()
    install_qemu(machine.folder)
    monkeypatch.setenv("FAKE_QEMU", "refuses")
    machine.write(FLOATING + "emulator: ./qemu\ntune: {quota: 2000}\n")
    _, said = machine.kvmc("run", "--detach", "vm.yaml", code=4)
    assert "error[KV762]" in said
    assert "not today" in said
    assert _groups() == before


def _groups() -> set[str]:
    homes = limits.homes(*(_text(path) for path in (cgroupfs.MOUNTS, cgroupfs.OWN)))
    return {str(path) for home in homes for path in cgroupfs.below(home.path)}


@pytest.mark.slow
def test_cgroups_of_version_2_in_a_guest_that_has_them(tmp_path: Path) -> None:
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        pytest.skip("qemu-system-x86_64 is not installed")
    support = REPO / "tests" / "support"
    scripts = [support / name for name in ("cgroup_guest.py", "fake_qemu.py")]
    kernel, initrd = python_kernel_and_initrd(tmp_path, *scripts)
    words = "-accel tcg -machine q35 -cpu max -smp 2 -m 512 -nodefaults -display none -no-reboot"
    command = [*words.split(), "-kernel", str(kernel), "-initrd", str(initrd), "-append", CMDLINE]
    for serial in ("console", "answer"):
        command += ["-serial", f"file:{tmp_path / serial}"]
    with subprocess.Popen([qemu, *command]) as process:
        try:
            said = wait_for(tmp_path / "answer", "done", GUEST_WAIT)
        finally:
            process.kill()
    *lines, _ = said.splitlines()
    places = {one["place"]: one for one in map(json.loads, lines)}
    assert all(one["left"] == [] for one in places.values())
    vcpu = {"type": "threaded", "weight": "100", "max": "20000 100000", "threads": 1}
    guest = {**vcpu, "weight": "200", "max": "max 100000"}
    for place, kind in (
        ("root", "domain threaded"),
        ("scope", "threaded"),
        ("delegated", "threaded"),
    ):
        one = places[place]
        assert (one["said"], one["again"]) == ([], [])
        assert one["made"] == {"": {**guest, "type": kind}, "vcpu0": vcpu, "vcpu1": vcpu}, place
    assert places["shares"]["made"][""]["weight"] == "10000"
    unset = "web: tune.shares, tune.quota are not set: /sys/fs/cgroup"
    (denied,), (bare,) = places["user"]["said"], places["bare"]["said"]
    assert denied.startswith(f"{unset}/scope/kvmc-")
    assert denied.count("permission denied") == 2
    assert bare.startswith(f"{unset}/scope: it has no cpu controller; ")


@pytest.mark.parametrize(("paused", "ends"), [(True, True), (False, False)])
def test_a_qemu_whose_kvmc_was_killed_before_its_guest_ran_is_ended(
    paused: bool,
    ends: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        pytest.skip("there is no QEMU")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = guests.folder_for("web")
    folder.mkdir(parents=True)
    words = ["-M", "none", "-display", "none", "-qmp", f"unix:{folder}/qmp,server=on,wait=off"]
    left = subprocess.Popen([qemu, *words, *(["-S"] if paused else [])])
    try:
        end = time.monotonic() + 30
        while not (folder / "qmp").exists() and time.monotonic() < end:
            time.sleep(0.05)
        with guests.place_for("web", folder):
            pass
        assert not (folder / "qmp").exists()
        if ends:
            assert left.wait(30) == 0
        else:
            assert left.poll() is None
    finally:
        left.kill()
        left.wait()
