"""`kvmc diff` and `kvmc verify` on a real libvirtd, real QEMU and this machine's kernel.

Guests run under TCG and stay paused; their threads are there all the same.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct

from kvmc.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("libvirt")]

CPUS = sorted(os.sched_getaffinity(0))
FIRST, LAST = CPUS[0], CPUS[-1]
NAME = f"kvmc-test-diff-{os.getpid()}"
SPEC = f"""\
kvmc: v1
kind: vm
name: {NAME}
memory: 64MiB
type: qemu
cpu: {{count: 3, max: 4, mode: host-model, topology: {{sockets: 1, cores: 2, threads: 2}}}}
numa:
  cells: [{{cpus: 0-3, memory: 64MiB, access: shared}}]
pin:
  strategy: manual
  map: {{0: {FIRST}, 1: {LAST}, 2: {FIRST}, 3: {LAST}}}
  emulator: "{FIRST},{LAST}"
  iothreads: {LAST}
iothreads: 1
tune: {{shares: 2048, scheduler: [{{vcpus: 1, policy: batch}}]}}
"""


class Done(Struct, frozen=True):
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


def _run(*arguments: str) -> Done:
    """Run kvmc in this process, which saves half a second each time."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(arguments)
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture
def kvmc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Return a function that runs kvmc in a folder that holds the spec."""
    pytest.importorskip("libvirt", reason="libvirt-python is not installed")
    (tmp_path / "vms").mkdir()
    (tmp_path / "vms" / "vm.yaml").write_text(SPEC, "utf-8")
    monkeypatch.chdir(tmp_path)
    return _run


@pytest.fixture(scope="module")
def guest(virsh: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield the definition of a domain that `kvmc build` made, defined and started paused."""
    folder = tmp_path_factory.mktemp("guest")
    (folder / "vm.yaml").write_text(SPEC, "utf-8")
    built = _run("build", str(folder / "vm.yaml"))
    assert built.returncode == 0, built.stderr
    file = folder / "vm.xml"
    file.write_text(built.stdout, "utf-8")
    virsh("define", str(file))
    try:
        virsh("start", "--paused", NAME)
        file.write_text(virsh("dumpxml", "--inactive", NAME), "utf-8")
        yield file
    finally:
        subprocess.run(["virsh", "-q", "destroy", NAME], capture_output=True, check=False)
        subprocess.run(["virsh", "-q", "undefine", NAME], capture_output=True, check=False)


@pytest.fixture
def domain(guest: Path, virsh: Callable[..., str]) -> Iterator[str]:
    """Yield the domain's name; definition and pins are put back afterwards.

    A plugged vCPU stays, so the test that plugs one comes last but for those that stop the guest.
    """
    yield NAME
    virsh("define", str(guest))
    if "running" in (state := virsh("domstate", NAME)) or "paused" in state:
        virsh("vcpupin", NAME, "1", str(LAST), "--live")
        virsh("emulatorpin", NAME, f"{FIRST},{LAST}", "--live")


def _changes(done: Done) -> dict[str, dict[str, Any]]:
    assert done.returncode in (0, 3), done.stderr
    (found,) = json.loads(done.stdout)["domains"]
    return {change["path"]: change for change in found["changes"]}


def _thread(name: str) -> str:
    """Return the id of a thread of the guest, by QEMU's name for it."""
    pid = Path(f"/run/libvirt/qemu/{NAME}.pid").read_text("ascii").strip()
    comms = Path(f"/proc/{pid}/task").glob("*/comm")
    return next(c.parent.name for c in comms if c.read_text("utf-8").strip() == name)


def _taskset(name: str, cpus: str) -> None:
    os.sched_setaffinity(int(_thread(name)), {int(cpu) for cpu in cpus.split(",")})


def test_what_kvmc_built_does_not_differ_when_it_runs(domain: str, kvmc: Any) -> None:
    compared = kvmc("diff", "vms")
    assert (compared.returncode, compared.stdout) == (0, "")
    assert "1 VM, nothing differs" in compared.stderr
    verified = kvmc("verify", "vms", "--format", "json")
    (seen,) = json.loads(verified.stdout)["domains"]
    assert seen["name"] == domain
    placed = {t["name"]: t["cpus"] for t in seen["threads"] if t["role"] != "emulator"}
    assert placed == {
        "CPU 0/TCG": str(FIRST),
        "CPU 1/TCG": str(LAST),
        "CPU 2/TCG": str(FIRST),
        "IO iothread1": str(LAST),
    }
    # threads of other tests' guests may be bound to the same CPUs meanwhile
    codes = {f["code"] for f in json.loads(verified.stdout)["findings"]}
    assert codes <= {"KV747"}


def test_a_host_model_is_expanded_in_the_live_xml_only(
    domain: str, virsh: Callable[..., str], kvmc: Any
) -> None:
    assert "mode='host-model'" in virsh("dumpxml", "--inactive", domain)
    if "mode='host-model'" in virsh("dumpxml", domain):
        pytest.skip("libvirt did not expand the host-model")
    assert _changes(kvmc("diff", "vms", "--format", "json")) == {}


def test_what_an_undeclared_domain_holds_is_not_given_away(
    domain: str, tmp_path: Path, kvmc: Any
) -> None:
    (tmp_path / "hosts").mkdir()
    cores = f"cores: [{{cpus: [[{FIRST}], [{LAST}]], package: 0, node: 0}}]"
    host = f"kvmc: v1\nkind: host\nname: here\nnodes: [{{id: 0, memory: 4GiB}}]\n{cores}\n"
    (tmp_path / "hosts" / "here.yaml").write_text(host, "utf-8")
    mine = "memory: 64MiB\ncpu: {count: 1}\npin: {strategy: dedicated}\n"
    spec = f"kvmc: v1\nkind: vm\nname: {domain}-beside\nhost: here\n{mine}"
    (tmp_path / "vms" / "vm.yaml").write_text(spec, "utf-8")
    for command in ("diff", "verify"):
        done = kvmc(command, ".")
        assert (done.returncode, "error[KV501]" in done.stderr) == (1, True), done.stderr
        assert f"held by {domain}" in done.stderr


@pytest.mark.skipif(len(CPUS) < 2, reason="one CPU has no other to move to")
def test_a_vcpupin_by_hand_is_found_where_it_was_made(
    domain: str, virsh: Callable[..., str], kvmc: Any
) -> None:
    virsh("vcpupin", domain, "1", str(FIRST), "--live")
    found = _changes(kvmc("diff", "vms", "--format", "json"))
    assert found == {
        "vcpupin/1": {
            "path": "vcpupin/1",
            "wanted": str(LAST),
            "inactive": str(LAST),
            "live": str(FIRST),
            "kernel": str(FIRST),
            "differs_in": ["live", "kernel"],
            "label": "live",
            "pending": False,
        }
    }
    verified = kvmc("verify", "vms")
    assert verified.returncode == 3
    assert f"drift[KV742] {domain}: vcpupin/1" in verified.stdout
    assert "to fix it: kvmc apply vms" in verified.stderr


@pytest.mark.skipif(len(CPUS) < 2, reason="one CPU has no other to move to")
def test_a_taskset_is_found_in_the_kernel_only(domain: str, kvmc: Any) -> None:
    # libvirt's cpuset cgroup holds a thread where it is pinned, so take one with a wide pin
    _taskset("qemu-system-x86", str(LAST))
    found = _changes(kvmc("diff", "vms", "--format", "json"))
    assert [(p, c["differs_in"], c["label"]) for p, c in found.items()] == [
        ("emulatorpin", ["kernel"], "live")
    ]
    verified = kvmc("verify", "vms")
    assert verified.returncode == 3
    drift = re.findall(r"drift\[(KV74[0-6])\] (\S+): (\S+)", verified.stdout)
    assert drift == [("KV743", domain, "emulatorpin:")]


def test_a_change_of_the_definition_alone_needs_nothing_of_the_guest(
    domain: str, virsh: Callable[..., str], kvmc: Any
) -> None:
    virsh("schedinfo", domain, "--config", "cpu_shares=512")
    virsh("setvcpus", domain, "2", "--config")
    compared = kvmc("diff", "vms", "--format", "json")
    assert compared.returncode == 3
    found = _changes(compared)
    assert {p: (c["wanted"], c["inactive"], c["live"], c["label"]) for p, c in found.items()} == {
        "vcpu/current": ("3", "2", "3", "none"),
        "cputune/shares": ("2048", "512", "2048", "none"),
    }
    text = kvmc("diff", "vms", "--xml").stdout
    assert "-    <shares>512</shares>\n+    <shares>2048</shares>\n" in text


def test_a_new_topology_waits_for_the_next_boot(
    domain: str, virsh: Callable[..., str], kvmc: Any, tmp_path: Path
) -> None:
    spec = tmp_path / "vms" / "vm.yaml"
    spec.write_text(SPEC.replace("cores: 2, threads: 2", "cores: 4, threads: 1"), "utf-8")
    found = _changes(kvmc("diff", "vms", "--format", "json"))
    assert {p: (c["label"], c["pending"]) for p, c in found.items()} == {
        "cpu/topology": ("next boot", False)
    }
    virsh("define", str(_wanted(kvmc, tmp_path, domain, virsh)))
    found = _changes(kvmc("diff", "vms", "--format", "json"))
    assert {p: c["pending"] for p, c in found.items()} == {"cpu/topology": True}
    assert f"virsh shutdown {domain}" in kvmc("verify", "vms").stderr


def _wanted(kvmc: Any, folder: Path, name: str, virsh: Callable[..., str]) -> Path:
    """Return a file with the definition as it should be, made by patch from `diff --xml`."""
    target = folder / "wanted.xml"
    target.write_text(virsh("dumpxml", "--inactive", name), "utf-8")
    patch = kvmc("diff", "vms", "--xml").stdout
    subprocess.run(["patch", "-s", str(target)], input=patch, text=True, check=True)
    return target


def test_the_read_only_socket_suffices_and_one_that_is_not_there_is_said(
    domain: str, kvmc: Any
) -> None:
    compared = kvmc("diff", "vms", "-c", "qemu+unix:///system?socket=/run/libvirt/libvirt-sock-ro")
    assert compared.returncode == 0, compared.stderr
    absent = kvmc("diff", "vms", "-c", "qemu+unix:///system?socket=/nowhere")
    assert absent.returncode == 4
    assert "cannot reach libvirt" in absent.stderr
    assert domain not in absent.stderr


@pytest.mark.usefixtures("domain")
def test_this_machine_is_as_it_was_probed_and_a_change_of_it_is_found(
    kvmc: Any, tmp_path: Path
) -> None:
    (tmp_path / "hosts").mkdir()
    file = tmp_path / "hosts" / "here.yaml"
    assert kvmc("host", "probe", "-o", str(file)).returncode == 0
    assert _host_codes(kvmc("verify", ".", "--format", "json")) == []
    text = file.read_text("utf-8")
    more = re.sub(r"memory: (\d+)", lambda m: f"memory: {int(m[1]) * 2}", text)
    file.write_text(more, "utf-8")
    found = kvmc("verify", ".")
    assert found.returncode == 3
    assert re.search(r"drift\[KV754\] \S+: memory of node \d", found.stdout)
    assert "to fix it: kvmc host probe -o hosts/here.yaml" in found.stderr
    plain = SPEC[: SPEC.index("numa:")]
    (tmp_path / "vms" / "vm.yaml").write_text(f"{plain}host: elsewhere\n", "utf-8")
    file.write_text(re.sub("name: .*", "name: elsewhere", text), "utf-8")
    assert _host_codes(kvmc("verify", ".", "--format", "json")) == ["KV755"]
    named = kvmc("verify", ".", "--host", "elsewhere", "--format", "json")
    assert _host_codes(named) == []


def _host_codes(done: Done) -> list[str]:
    """Return the codes of what was found of the host itself."""
    assert done.returncode in (0, 3), done.stderr
    return [f["code"] for f in json.loads(done.stdout)["findings"] if f["host"]]


def test_a_guest_of_libvirts_own_test_host_is_not_ours(kvmc: Any) -> None:
    compared = kvmc("verify", "vms", "-c", "test:///default")
    assert compared.returncode == 3
    assert "KV740" in compared.stdout


def test_a_hotplugged_vcpu_is_pinned_as_planned_and_counts(
    domain: str, virsh: Callable[..., str], kvmc: Any
) -> None:
    virsh("setvcpus", domain, "4", "--live")
    found = _changes(kvmc("diff", "vms", "--format", "json"))
    assert {p: (c["live"], c["label"]) for p, c in found.items()} == {
        "vcpu/current": ("4", "next boot")
    }


def test_a_stopped_domain_and_one_that_is_not_there(
    domain: str, virsh: Callable[..., str], kvmc: Any
) -> None:
    virsh("destroy", domain)
    assert kvmc("diff", "vms").returncode == 0
    virsh("undefine", domain)
    compared = kvmc("diff", "vms")
    assert (compared.returncode, compared.stdout) == (
        3,
        f"{domain}: new domain, libvirt has none of this name\n",
    )
