"""Ctrl-C at any moment of a build: every file is whole, the old one or the new one."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fuzz.cli import kvmc, snapshot
from tests.fuzz.places import inside
from tests.fuzz.test_domains import HOST

VMS = 60
VM = "{{kvmc: v1, kind: vm, name: vm{n:02}, memory: {size}MiB, cpu: {{count: 1}}, {pin}}}\n"


def write_vms(size: int) -> None:
    Path("vms").mkdir(exist_ok=True)
    for n in range(VMS):
        pin = "pin: {strategy: dedicated}" if n < 2 else "host: kvm-07"
        Path(f"vms/{n}.yaml").write_text(VM.format(n=n, size=size, pin=pin), "utf-8")


def start() -> subprocess.Popen[str]:
    """Start a build whose handler is in place: what Python itself does before is not ours."""
    program = (
        "print(flush=True); import sys; from kvmc.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "build", "-o", "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def seconds() -> float:
    """Return how long a build takes that nobody interrupts."""
    began = time.monotonic()
    start().communicate(timeout=60)
    return time.monotonic() - began


def interrupted(shares: list[float]) -> int:
    """Build, change every VM and interrupt builds of the new; return how many were cut short.

    The shares are those of a build's time after which it is interrupted.
    """
    with inside({"hosts/kvm-07.yaml": HOST.read_bytes()}) as work:
        write_vms(512)
        assert kvmc("build", "-o", "out").code == 0
        old = snapshot(work / "out")
        write_vms(1024)
        assert kvmc("build", "-o", "new").code == 0
        new = snapshot(work / "new")
        write_vms(512)
        assert kvmc("build", "-o", "out").code == 0
        lock = (work / "hosts" / "kvm-07.lock.yaml").read_bytes()
        took = seconds()
        write_vms(1024)
        cut = 0
        for share in shares:
            process = start()
            time.sleep(share * took)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
            assert process.returncode in (0, 130, -signal.SIGINT, 1), said
            cut += process.returncode != 0
            if "kvmc/commands" in said or process.returncode == 130:
                assert "Traceback" not in said, said
            now = snapshot(work / "out")
            assert set(now) == set(old), f"left behind: {set(now) ^ set(old)}"
            assert all(now[name] in (old[name], new[name]) for name in now)
            after = (work / "hosts" / "kvm-07.lock.yaml").read_bytes()
            assert after.startswith(b"#")
            assert after.endswith(b"\n")
            assert after.count(b"\n") == lock.count(b"\n")
        assert kvmc("build", "-o", "out").code == 0
        assert snapshot(work / "out") == new
        return cut


def test_an_interrupted_build() -> None:
    assert interrupted([0.2, 0.5, 0.8]) >= 1


@pytest.mark.slow
def test_builds_interrupted_at_many_moments() -> None:
    assert interrupted([0.025 * n for n in range(60)]) >= 5
