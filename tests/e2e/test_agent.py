"""`kvmc verify --agent` on a real Linux guest in which Debian's qemu-guest-agent runs, under TCG.

The guest boots once for all tests here, in 5 to 10 seconds.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from msgspec import Struct

from kvmc.cli import main
from tests.support.guest import CMDLINE, agent_kernel_and_initrd, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("libvirt")]

NAME = f"kvmc-test-agent-{os.getpid()}"
CHANNEL = """<channel type='unix'><source mode='bind'/>
<target type='virtio' name='org.qemu.guest_agent.0'/></channel></devices>"""
BOOT_SECONDS = 120
MODEL = "Intel Core Processor (Broadwell)"


class Guest(Struct, frozen=True):
    """A running guest whose agent has opened its channel, and the spec it was made of."""

    domain: Any
    folder: Path
    spec: dict[str, Any]

    def write(self, **cpu: Any) -> str:
        """Write the spec with another `cpu`; return the file."""
        file = self.folder / "vm.yaml"
        text = self.spec | {"cpu": self.spec["cpu"] | cpu}
        file.write_text(yaml.safe_dump(text, sort_keys=False), "utf-8")
        return str(file)

    def verify(self, *arguments: str, **cpu: Any) -> tuple[int, str, str]:
        """Run `kvmc verify` on the spec with another `cpu`; return code, stdout and stderr."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["verify", *arguments, self.write(**cpu)])
        return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def guest(libvirtd: str) -> Iterator[Guest]:
    libvirt = pytest.importorskip("libvirt", reason="libvirt-python is not installed")
    libvirt.registerErrorHandler(lambda *_: None, None)
    connection = libvirt.open(libvirtd)
    # pytest's own folders are closed to QEMU's user
    with tempfile.TemporaryDirectory(prefix="kvmc-agent-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        kernel, initrd = agent_kernel_and_initrd(folder)
        spec = _spec(kernel, initrd, folder / "serial.log")
        domain = connection.defineXML(_built(folder, spec))
        try:
            domain.create()
            wait_for(folder / "serial.log", "kvmc-agent", BOOT_SECONDS)
            _connected(domain)
            yield Guest(domain, folder, spec)
        finally:
            if domain.isActive():
                domain.destroy()
            domain.undefine()
            connection.close()


def _spec(kernel: Path, initrd: Path, serial: Path) -> dict[str, Any]:
    return {
        "kvmc": "v1",
        "kind": "vm",
        "name": NAME,
        "memory": "192MiB",
        "type": "qemu",
        "cpu": {
            "count": 3,
            "max": 4,
            "mode": "custom",
            "model": "Broadwell",
            "check": "none",
            "topology": {"sockets": 2, "cores": 1, "threads": 2},
        },
        "boot": {"kernel": str(kernel), "initrd": str(initrd), "cmdline": CMDLINE},
        "serial": {"file": str(serial)},
    }


def _built(folder: Path, spec: dict[str, Any]) -> str:
    """Return what `kvmc build` makes of a spec, with an agent's channel."""
    (folder / "vm.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), "utf-8")
    out = io.StringIO()
    with redirect_stdout(out):
        assert main(["build", str(folder / "vm.yaml")]) == 0
    return out.getvalue().replace("</devices>", CHANNEL)


def _connected(domain: Any) -> None:
    end = time.monotonic() + BOOT_SECONDS
    while "state='connected'" not in domain.XMLDesc(0):
        assert time.monotonic() < end, "the agent did not open its channel"
        time.sleep(0.1)


def test_the_agent_tells_what_the_guest_sees(guest: Guest) -> None:
    code, out, err = guest.verify("--agent")
    line = f"{NAME} sees 2 sockets, 1 core each, 1 to 2 threads each, 3 CPUs; {MODEL}\n"
    assert line in out
    assert (code, err) == (0, "nothing drifted\n")


def test_another_topology_and_number_are_drift(guest: Guest) -> None:
    topology = {"sockets": 1, "cores": 4, "threads": 1}
    code, out, _ = guest.verify("--agent", "--format", "json", count=2, topology=topology)
    document = json.loads(out)
    assert code == 3
    assert {f["code"] for f in document["findings"] if f["layer"] == "guest"} == {"KV750", "KV751"}
    (seen,) = document["guests"]
    assert (seen["vm"], seen["source"], seen["cpus"]) == (NAME, "agent", 3)
    assert (seen["topology_checked"], seen["model_checked"]) == (True, True)


def test_without_agent_the_connection_stays_read_only_and_that_is_said(guest: Guest) -> None:
    code, out, err = guest.verify()
    assert f"note[KV733]: {NAME}: not checked inside" in err
    assert "kvmc verify --agent" in err
    assert " sees " not in out
    assert code == 0


def test_a_connection_that_may_not_write_is_said(guest: Guest) -> None:
    socket = "qemu+unix:///system?socket=/run/libvirt/libvirt-sock-ro"
    code, _, err = guest.verify("--agent", "--connect", socket)
    assert f"note[KV733]: {NAME}: not checked inside: operation forbidden" in err
    assert code == 0


def test_an_agent_that_does_not_answer_is_said(guest: Guest) -> None:
    """A paused guest answers nothing; libvirt knows that, so nobody waits for it not to respond."""
    guest.domain.suspend()
    try:
        code, _, err = guest.verify("--agent")
    finally:
        guest.domain.resume()
    assert f"note[KV733]: {NAME}: not checked inside: " in err
    assert "domain is not running" in err
    assert code == 0


@pytest.mark.slow
def test_an_agent_that_hangs_is_said_and_not_waited_for(guest: Guest) -> None:
    """The last test of this guest: nobody wakes its agent again."""
    libvirt_qemu = pytest.importorskip("libvirt_qemu")
    stop = {"path": "/bin/busybox", "arg": ["killall", "-STOP", "qemu-ga"]}
    command = json.dumps({"execute": "guest-exec", "arguments": stop})
    libvirt_qemu.qemuAgentCommand(guest.domain, command, 5, 0)
    time.sleep(1)  # busybox is another process, and this guest is slow
    verify = [sys.executable, "-m", "kvmc", "verify", "--agent", guest.write()]
    run = subprocess.run(verify, capture_output=True, text=True, timeout=BOOT_SECONDS, check=False)
    assert f"note[KV733]: {NAME}: not checked inside: Guest agent is not responding" in run.stderr
    assert run.returncode == 0
