"""`kvmc apply` on a real libvirtd: what it changes, what it leaves alone, and when it asks."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kvmc.commands import session
from kvmc.host.cgroups import groups_of
from tests.support.applying import CPUS, Lab, pins, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("libvirt"),
    pytest.mark.skipif(len(set(CPUS)) < 2, reason="one CPU: no pin could move"),
]

PAUSED = 0x1
"""VIR_DOMAIN_START_PAUSED."""


@pytest.fixture
def lab(libvirtd: str, tmp_path: Path) -> Iterator[Lab]:
    libvirt = pytest.importorskip("libvirt")
    libvirt.registerErrorHandler(lambda *_: None, None)
    connection = libvirt.open(libvirtd)
    made = Lab(tmp_path, connection, libvirtd)
    yield made
    made.clean()
    connection.close()


def _paused(lab: Lab, which: str = "a", **given: Any) -> None:
    """Have a spec applied, and its domain running but paused: it costs no CPU."""
    lab.spec(which, **given)
    lab.apply()
    lab.domain(which).createWithFlags(PAUSED)


def test_lianhua_is_defined_started_and_verified(lab: Lab) -> None:
    lab.spec(
        count=6,
        max=6,
        on=(0, 1),
        cpu={
            "count": 6,
            "topology": {"sockets": 3, "cores": 1, "threads": 2},
            "mode": "custom",
            "model": "qemu64",
            "check": "none",
        },
        numa={"cells": [{"cpus": "0-5", "memory": "32MiB", "access": "shared"}]},
        memory_backing={"source": "memfd", "access": "shared"},
        tune={"shares": 6144},
    )
    said = lab.apply("--start")
    assert "new, define, start" in said
    assert lab.domain().isActive()
    assert pins(lab.live()) == pins(lab.inactive()) == wanted((0, 1), 6)
    assert "sockets='3' dies='1' cores='1' threads='2'" in lab.live()
    assert _affinities(lab.name()) == {f"CPU {i}/TCG": CPUS[i % 2] for i in range(6)}
    before = lab.inactive()
    assert lab.apply("--start").endswith("nothing to do\n")
    assert lab.inactive() == before


def _affinities(name: str) -> dict[str, str]:
    """Return vCPU thread -> the CPUs the kernel lets it use."""
    pid = int(Path(f"/run/libvirt/qemu/{name}.pid").read_text("ascii"))
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = (task / "status").read_text("utf-8")
        thread = (task / "comm").read_text("utf-8").strip()
        if thread.startswith("CPU "):
            found[thread] = re.findall(r"Cpus_allowed_list:\s*(\S+)", status)[0]
    return found


def test_pins_shares_and_threads_change_in_the_running_guest(lab: Lab) -> None:
    _paused(lab, on=(0, 1))
    lab.spec(on=(1, 0), iothreads=1, tune={"shares": 2048, "quota": 50000})
    said = lab.apply()
    assert pins(lab.live()) == pins(lab.inactive()) == wanted((1, 0))
    assert _affinities(lab.name())["CPU 0/TCG"] == CPUS[1]
    for xml in (lab.live(), lab.inactive()):
        assert "<shares>2048</shares>" in xml
        assert "<quota>50000</quota>" in xml
        assert "<iothreads>1</iothreads>" in xml
    assert "live" in said
    assert lab.apply().endswith("nothing to do\n")


_QEMU64 = {"mode": "custom", "model": "qemu64"}
_FORBID = {"mode": "host-model", "fallback": "forbid"}


@pytest.mark.parametrize(
    "cpu",
    [
        _QEMU64,
        _QEMU64 | {"check": "partial", "fallback": "forbid", "match": "minimum"},
        _FORBID,
        {"mode": "host-model", "check": "none"},
        {"mode": "maximum", "check": "full"},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["qemu", "kvm", "base"])
def test_a_second_apply_finds_any_cpu_model_as_the_first_left_it(
    lab: Lab, cpu: dict[str, Any], kind: str
) -> None:
    if kind == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        pytest.skip("libvirt defines no domain of type kvm without /dev/kvm")
    file = lab.spec(cpu={"count": 3, "max": 5} | cpu)
    text = file.read_text("utf-8").replace("type: qemu\n", f"type: {kind}\n")
    if kind == "base":
        (file.parent / "base.xml").write_text(FOREIGN.format(name=lab.name()), "utf-8")
        text = text.replace("type: base\nmachine: q35\n", "base: base.xml\n")
    file.write_text(text, "utf-8")
    said = lab.apply()
    assert ("does not keep fallback" in said) is (cpu == _FORBID)
    assert lab.inside("diff", "vms")[0] == 0
    assert lab.apply().endswith("nothing to do\n")
    kept = re.findall(r"<cpu mode='([^']*)'[^>]*check='([^']*)'", lab.inactive())
    default = {"host-model": "partial", "custom": "partial" if kind == "kvm" else "none"}
    assert kept == [(cpu["mode"], cpu.get("check") or default[cpu["mode"]])]


def test_cells_that_are_no_whole_mib_are_as_the_spec_has_them(lab: Lab) -> None:
    cells = [{"cpus": "0-2", "memory": "65537KiB"}, {"cpus": "3-4", "memory": "70000KB"}]
    _paused(lab, memory="133897KiB", numa={"cells": cells})
    assert f"<memory unit='KiB'>{132 * 1024}</memory>" in lab.live()
    assert lab.inside("diff", "vms") == (0, "1 VM, nothing differs\n")
    said = lab.apply()
    assert "KV708" not in said
    assert said.endswith("nothing to do\n")


def test_vcpus_are_plugged_where_the_plan_says(lab: Lab) -> None:
    _paused(lab, count=3)
    lab.spec(count=5)
    said = lab.apply()
    assert re.search(r"vcpu/current +3 -> 5 +live", said)
    assert lab.domain().vcpusFlags(1) == 5
    assert pins(lab.live()) == wanted((0, 1, 0))
    assert _affinities(lab.name()) == {f"CPU {i}/TCG": c for i, c in wanted((0, 1, 0)).items()}
    lab.spec(count=4)
    assert "KV708" in lab.apply()  # fewer wait for the next boot
    assert lab.domain().vcpusFlags(1) == 5


def test_what_a_running_guest_cannot_have_waits_for_its_next_boot(lab: Lab) -> None:
    _paused(lab)
    lab.spec(memory="48MiB", max=6)
    said = lab.apply()
    assert re.search(r"vcpu/max +5 -> 6 +next boot", said)
    assert re.search(r"note\[KV708\].*memory.* from the next boot on", said)
    assert ">6</vcpu>" in lab.inactive()
    assert ">5</vcpu>" in lab.live()
    said = lab.apply()
    assert "KV708" in said
    assert said.endswith("nothing to do\n")


def test_a_pin_by_hand_is_found_and_repaired(lab: Lab) -> None:
    _paused(lab)
    elsewhere = tuple(str(cpu) == CPUS[1] for cpu in range(int(CPUS[1]) + 1))
    lab.domain().pinVcpuFlags(0, elsewhere, 1)
    assert pins(lab.live())[0] == CPUS[1]
    assert lab.inside("apply", "--dry-run", "vms")[0] == 3
    said = lab.apply()
    assert re.search(rf"vcpupin/0 +{CPUS[1]} -> {CPUS[0]} +live", said)
    assert pins(lab.live()) == wanted((0, 1, 0))
    assert _affinities(lab.name())["CPU 0/TCG"] == CPUS[0]


def test_shares_that_a_service_manager_took_back_are_found_and_repaired(lab: Lab) -> None:
    _paused(lab, tune={"shares": 2048, "quota": 50000})
    shares, fresh = _shares(lab.name())
    if shares.read_text("ascii").strip() != "2048":
        pytest.skip(f"libvirt has no shares in {shares}")
    before = lab.live()
    shares.write_text(fresh, "ascii")
    assert lab.live() == before  # libvirt itself does not see it
    code, said = lab.inside("diff", "vms")
    assert code == 3
    assert re.search(rf"cputune/shares +2048 +2048 +2048 +{fresh} \* +live", said)
    assert "drift[KV743]" in lab.inside("verify", "vms")[1]
    assert "scheduler cpu_shares 2048" in lab.apply()
    assert shares.read_text("ascii").strip() == "2048"
    assert lab.apply().endswith("nothing to do\n")


def test_what_one_vcpus_cgroup_lost_is_found_and_repaired(lab: Lab) -> None:
    _paused(lab, tune={"period": 50000, "quota": 40000})
    quota, less = _quota(lab.name(), 1)
    if not quota.exists():
        pytest.skip(f"libvirt has no quota in {quota}")
    full = quota.read_text("ascii")
    quota.write_text(less, "ascii")
    code, said = lab.inside("diff", "vms")
    assert code == 3
    has = r"40000 for vCPUs 0,2 and 20000 for vCPU 1"
    assert re.search(rf"cputune/quota +40000 +40000 +40000 +{has} \* +live", said)
    assert (
        f"drift[KV743] {lab.name()}: cputune/quota: the kernel has {has}"
        in (lab.inside("verify", "vms")[1])
    )
    assert "scheduler vcpu_quota 40000" in lab.apply()
    assert quota.read_text("ascii") == full
    assert lab.apply().endswith("nothing to do\n")
    assert lab.inside("diff", "vms") == (0, "1 VM, nothing differs\n")


def _quota(name: str, vcpu: int) -> tuple[Path, str]:
    """Return the file with a vCPU's quota, and what halves one of 40000 in 50000."""
    pid = Path(f"/run/libvirt/qemu/{name}.pid").read_text("ascii").strip()
    tasks = Path(f"/proc/{pid}/task").iterdir()
    (task,) = (t for t in tasks if (t / "comm").read_text("utf-8").startswith(f"CPU {vcpu}/"))
    groups = groups_of((task / "cgroup").read_text("ascii"), "cpu")
    version = min(groups)
    group = groups[version].strip("/")
    if version == 1:
        return Path("/sys/fs/cgroup/cpu") / group / "cpu.cfs_quota_us", "20000"
    return Path("/sys/fs/cgroup") / group / "cpu.max", "20000 50000"


def _shares(name: str) -> tuple[Path, str]:
    """Return the file with a domain's shares, and what a fresh cgroup has there."""
    pid = Path(f"/run/libvirt/qemu/{name}.pid").read_text("ascii").strip()
    groups = groups_of(Path(f"/proc/{pid}/cgroup").read_text("ascii"), "cpu")
    version = min(groups)
    group = groups[version].strip("/").removesuffix("/emulator")
    if version == 1:
        return Path("/sys/fs/cgroup/cpu") / group / "cpu.shares", "1024"
    return Path("/sys/fs/cgroup") / group / "cpu.weight", "100"


def test_every_emulator_thread_gets_the_cpus_of_a_wider_pin(lab: Lab) -> None:
    """Since Linux 6.2 those that libvirt does not pin itself keep the CPUs of the guest's start."""
    _paused(lab)
    both = ",".join(sorted(set(CPUS), key=int))
    pin = {"strategy": "manual", "map": {i: CPUS[i % 2] for i in range(5)}, "emulator": both}
    lab.spec(pin=pin)
    assert "emulatorpin" in lab.apply()
    assert lab.apply().endswith("nothing to do\n")
    assert lab.inside("diff", "vms") == (0, "1 VM, nothing differs\n")
    # and where somebody moved one of them
    os.sched_setaffinity(_task(lab.name(), "IO mon_iothread"), {int(CPUS[0])})
    code, said = lab.inside("diff", "vms")
    assert code == 3
    assert re.search(r"emulatorpin .* \* +live", said)
    lab.apply()
    assert lab.inside("diff", "vms") == (0, "1 VM, nothing differs\n")


def _task(name: str, comm: str) -> int:
    """Return the id of a thread of a guest, by QEMU's name for it."""
    pid = Path(f"/run/libvirt/qemu/{name}.pid").read_text("ascii").strip()
    comms = Path(f"/proc/{pid}/task").glob("*/comm")
    return next(int(c.parent.name) for c in comms if c.read_text("utf-8").strip() == comm)


def test_pins_that_are_no_longer_asked_for_go(lab: Lab) -> None:
    _paused(lab)
    lab.spec(pin={"strategy": "none"})
    lab.apply()
    assert pins(lab.inactive()) == {}
    assert set(pins(lab.live()).values()) != set(CPUS)
    # libvirt goes on listing a pin to all CPUs, and that is none
    assert lab.apply().endswith("nothing to do\n")
    code, said = lab.inside("diff", "vms")
    assert (code, said) == (0, "1 VM, nothing differs\n")
    code, said = lab.inside("verify", "vms")
    assert "drift[KV742]" not in said


FOREIGN = """<domain type='qemu'>
  <name>{name}</name>
  <title>somebody's</title>
  <metadata><a:x xmlns:a="http://example.org/a" b="c &amp; d"><a:y/></a:x></metadata>
  <memory unit='KiB'>65536</memory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <loader readonly='yes' type='pflash'>/kvmc-test/OVMF_CODE.fd</loader>
    <nvram>/kvmc-test/vars.fd</nvram></os>
  <features><acpi/><hyperv><relaxed state='on'/></hyperv></features>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/>
      <source file='/kvmc-test/disk.img'/><target dev='vda' bus='virtio'/><serial>S1</serial></disk>
    <interface type='user'><mac address='52:54:00:12:34:56'/><model type='virtio'/></interface>
    <graphics type='vnc' port='-1' passwd='secret'/>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <watchdog model='i6300esb' action='reset'/>
  </devices>
</domain>"""


def test_what_is_not_kvmcs_passes_through_20_applies_to_the_byte(lab: Lab) -> None:
    lab.connection.defineXML(FOREIGN.format(name=lab.name()))
    before = _foreign(lab.inactive())
    assert "passwd='secret'" in before["devices"]
    for turn in range(20):
        on = (turn % 2, 1 - turn % 2)
        lab.spec(on=on, count=2 + turn % 3)
        lab.apply()
        assert pins(lab.inactive()) == wanted(on)
    assert _foreign(lab.inactive()) == before


def _foreign(xml: str) -> dict[str, str]:
    parts = ("uuid", "title", "metadata", "os", "features", "clock", "devices")
    found = {}
    for part in parts:
        match = re.search(rf"<{part}(?: [^>]*)?(?:/>|>.*?</{part}>)", xml, re.DOTALL)
        found[part] = match[0] if match else ""
    return found


def test_a_managed_save_image_is_warned_about(lab: Lab) -> None:
    _paused(lab)
    lab.domain().managedSave(0)
    lab.spec(on=(1, 0))
    said = lab.apply()
    assert "warning[KV730]" in said
    assert lab.domain().hasManagedSaveImage(0)
    assert pins(lab.inactive()) == wanted((1, 0))


@pytest.mark.slow
def test_a_transient_guest_that_an_apply_was_killed_at_is_finished(lab: Lab) -> None:
    _paused(lab)
    lab.domain().undefine()
    lab.spec(on=(1, 0, 1))
    terminal = Terminal(lab, "apply", "--yes", "--try", "60", "vms")
    terminal.until("to keep it")
    terminal.process.kill()
    terminal.code()
    said = lab.inside("apply", "--yes", "vms")[1]
    assert re.search(r"KV705.*was taken back: \S+-a: is transient.*vcpupin 0", said)
    assert pins(lab.live()) == wanted((1, 0, 1))
    assert not lab.domain().isPersistent()


def test_undeclared_domains_are_not_touched(lab: Lab) -> None:
    _paused(lab, "b")
    (lab.folder / "vms" / "b.yaml").unlink()
    before = lab.inactive("b"), lab.live("b")
    lab.spec("a")
    lab.apply()
    assert (lab.inactive("b"), lab.live("b")) == before


def test_a_definition_libvirt_refuses_takes_the_others_back(lab: Lab) -> None:
    _paused(lab, "a")
    before = lab.inactive("a"), lab.live("a")
    lab.spec("a", on=(1, 0))
    lab.spec("b", machine="kvmc-no-such-machine")
    said = lab.apply(code=4)
    assert "error[KV704]" in said
    assert f"{lab.name('a')}: has its old definition again" in said
    assert (lab.inactive("a"), lab.live("a")) == before
    assert not [d for d in lab.connection.listAllDomains() if d.name() == lab.name("b")]


def test_pins_to_cpus_that_are_not_there_are_refused(lab: Lab) -> None:
    lab.spec(pin={"strategy": "manual", "map": dict.fromkeys(range(5), "4000")})
    said = lab.apply(code=1)
    assert "error[KV700]" in said
    assert not [d for d in lab.connection.listAllDomains() if d.name() == lab.name()]


def test_a_receipt_is_json(lab: Lab) -> None:
    _paused(lab)
    lab.spec(on=(1, 0))
    done = lab.kvmc("apply", "--yes", "--format", "json", "vms")
    receipt = json.loads(done.stdout)
    domain = receipt["domains"][0]
    assert (receipt["kind"], domain["define"], domain["new"]) == ("apply", True, False)
    assert {"vcpupin 0 " + CPUS[1], "defined"} <= set(domain["done"])
    assert all(change["label"] == "live" for change in domain["changes"])


def test_without_a_terminal_it_wants_yes(lab: Lab) -> None:
    lab.spec()
    done = lab.kvmc("apply", "vms")
    assert (done.returncode, "there is no terminal" in done.stderr) == (2, True)


class Terminal:
    """A kvmc on a terminal of its own."""

    def __init__(self, lab: Lab, *arguments: str) -> None:
        self._end, theirs = pty.openpty()
        self.process = subprocess.Popen(
            lab.command(*arguments),
            cwd=lab.folder,
            env=lab.environment(),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            # under nohup a hangup would be ignored
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509
        )
        os.close(theirs)
        self.said = ""

    def until(self, text: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < end, self.said
            try:
                self.said += os.read(self._end, 4096).decode()
            except OSError:
                assert text in self.said, self.said

    def type(self, text: str) -> None:
        os.write(self._end, text.encode())

    def code(self) -> int:
        while True:
            try:
                self.said += os.read(self._end, 4096).decode()
            except OSError:
                return self.process.wait(60)


@pytest.mark.parametrize(("answer", "code", "on"), [("y", 0, (1, 0)), ("n", 3, (0, 1))])
def test_it_asks_on_a_terminal(answer: str, code: int, on: tuple[int, int], lab: Lab) -> None:
    lab.spec(on=(0, 1))
    lab.apply()
    lab.spec(on=(1, 0))
    terminal = Terminal(lab, "apply", "vms")
    terminal.until("do it? [y/N]")
    terminal.type(f"{answer}\n")
    assert terminal.code() == code, terminal.said
    assert pins(lab.inactive()) == wanted(on)


def test_a_plan_that_went_stale_at_the_question_is_refused(lab: Lab) -> None:
    _paused(lab)
    lab.spec(on=(1, 0))
    terminal = Terminal(lab, "apply", "vms")
    terminal.until("do it? [y/N]")
    title = "</name><title>somebody's</title>"
    lab.connection.defineXML(lab.inactive().replace("</name>", title))
    theirs = lab.inactive()
    terminal.type("y\n")
    assert terminal.code() == 1, terminal.said
    assert "KV701" in terminal.said
    assert lab.inactive() == theirs


def test_two_applies_exclude_each_other(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.spec()
    first = Terminal(lab, "apply", "--yes", "--try", "60", "vms")
    first.until("to keep it")
    monkeypatch.setattr(session, "WAIT_SECONDS", 0.3)
    said = lab.apply(code=4)
    assert f"waiting for kvmc apply, process {first.process.pid}" in said
    assert "error[KV702]" in said
    second = Terminal(lab, "apply", "--yes", "vms")
    second.until("waiting for")
    first.type("\n")
    assert (first.code(), second.code()) == (0, 0), (first.said, second.said)
    assert "nothing to do" in second.said


_WAYS = [
    "expired",
    pytest.param("ctrl-c", marks=pytest.mark.slow),
    "hangup",
    pytest.param("terminated", marks=pytest.mark.slow),
    "killed",
]


@pytest.mark.parametrize("way", _WAYS)
def test_a_trial_that_is_not_confirmed_goes_back(way: str, lab: Lab) -> None:
    _paused(lab)
    before = lab.inactive(), lab.live()
    lab.spec(on=(1, 0), count=4)
    terminal = Terminal(lab, "apply", "--yes", "--try", "2" if way == "expired" else "60", "vms")
    terminal.until("to keep it")
    assert pins(lab.live()) == wanted((1, 0))
    numbers = {"ctrl-c": signal.SIGINT, "hangup": signal.SIGHUP, "terminated": signal.SIGTERM,
               "killed": signal.SIGKILL}  # fmt: skip
    if way in numbers:
        terminal.process.send_signal(numbers[way])
    code = terminal.code()
    if way == "killed":
        assert pins(lab.live()) == wanted((1, 0))
        lab.spec(on=(0, 1, 0), count=3)
        said = lab.apply()
        assert re.search(r"KV705.*was taken back: \S+-a: has its old definition again", said)
    else:
        assert (code, "KV710" in terminal.said) == (3, True), terminal.said
    assert lab.inactive() == before[0]
    assert pins(lab.live()) == wanted((0, 1, 0))


def test_a_trial_is_confirmed_from_another_shell(lab: Lab) -> None:
    lab.spec(on=(0, 1))
    lab.apply()
    lab.spec(on=(1, 0))
    terminal = Terminal(lab, "apply", "--yes", "--try", "60", "vms")
    terminal.until("to keep it")
    assert lab.kvmc("apply", "--confirm").returncode == 0
    assert terminal.code() == 0, terminal.said
    assert pins(lab.inactive()) == wanted((1, 0))
    again = lab.kvmc("apply", "--confirm")
    assert (again.returncode, "KV712" in again.stderr) == (1, True)


def test_a_full_disk_refuses_before_any_change(lab: Lab) -> None:
    lab.spec(on=(0, 1))
    lab.apply()
    before = lab.inactive()
    lab.spec(on=(1, 0))
    state = lab.folder / "state"
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "kvmc-test", str(state)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    try:
        filler = (state / "full").open("wb", buffering=0)
        with pytest.raises(OSError, match="No space"):
            any(filler.write(b"x" * 4096) == 0 for _ in range(100))
        filler.close()
        assert "error[KV703]" in lab.apply(code=4)
        assert lab.inactive() == before
    finally:
        subprocess.run(["umount", str(state)], check=True)
    lab.apply()
    assert pins(lab.inactive()) == wanted((1, 0))


def test_a_start_from_a_managed_save_image_needs_a_second_apply(lab: Lab) -> None:
    _paused(lab)
    lab.domain().managedSave(0)
    lab.spec(on=(1, 0), tune={"shares": 2048})
    said = lab.apply("--start", code=4)
    assert "warning[KV730]" in said
    assert "error[KV709]" in said
    assert not lab.domain().hasManagedSaveImage(0)
    assert pins(lab.live()) == wanted((0, 1, 0))  # the image's
    assert pins(lab.inactive()) == wanted((1, 0))
    said = lab.apply()
    assert "KV730" not in said
    assert pins(lab.live()) == wanted((1, 0))
    assert "<shares>2048</shares>" in lab.live()
    assert lab.apply("--start").endswith("nothing to do\n")


def test_what_could_not_be_compared_is_not_said_to_be_right(lab: Lab) -> None:
    xml = FOREIGN.format(name=lab.name())
    xml = xml.replace("cache='none'", "iothread='1'")
    lab.connection.defineXML(xml.replace("<os>", "<iothreads>1</iothreads><os>"))
    lab.spec()
    for command in (("diff",), ("apply", "--dry-run")):
        code, said = lab.inside(*command, "vms")
        assert (code, "error[KV606]" in said, "nothing" in said) == (1, True, False)
