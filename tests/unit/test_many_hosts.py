"""Many hosts in one run: planned on several cores, with the same bytes as on one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.commands.repository import host, vm, write

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = 5
VMS = 42
"""On each host; enough of them for a second process."""

RUN = """
import os, sys, time
cores, log, *sys.argv[1:] = sys.argv[1:]
os.sched_getaffinity = lambda _: set(range(int(cores)))
import kvmc.planner.plan as planner
parent, plan_host = os.getpid(), planner.plan_host
def planned(vms, host, *lines):
    with open(log, "a") as file:
        file.write(f"{os.getpid()} {host and host.name}\\n")
    {act}
    return plan_host(vms, host, *lines)
planner.plan_host = planned
from kvmc.cli import main
raise SystemExit(main())
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five hosts, two hundred VMs, one that fits nowhere and two that name no host."""
    folder = tmp_path_factory.mktemp("many")
    hosts = {f"hosts__h{n}": host(f"h{n}", cores=48) for n in range(HOSTS)}
    vms = {f"vms__v{n:03}": vm(f"v{n:03}", 2, f"host: h{n % HOSTS}") for n in range(HOSTS * VMS)}
    return write(folder, **hosts, **vms, vms__big=vm("big", 200, "host: h1"))


def _ran(
    repository: Path, log: Path, cores: int, *arguments: str, act: str = "pass"
) -> subprocess.CompletedProcess[str]:
    code = RUN.replace("{act}", act)
    return subprocess.run(
        [sys.executable, "-c", code, str(cores), str(log), *arguments],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _workers(log: Path) -> set[str]:
    return {line.split()[0] for line in log.read_text().splitlines()}


@pytest.mark.parametrize("arguments", [("plan",), ("plan", "--format", "json"), ("lock",)], ids=str)
def test_several_cores_say_what_one_says(
    repository: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    one, two = (_ran(repository, tmp_path / str(n), n, *arguments) for n in (1, 2))
    assert len(_workers(tmp_path / "1")) == 1
    assert len(_workers(tmp_path / "2")) == 2
    assert one.returncode == two.returncode == 1
    assert (one.stdout, one.stderr) == (two.stdout, two.stderr)
    assert "big" in one.stdout + one.stderr


def test_where_vms_without_a_host_would_fit_is_the_same(repository: Path, tmp_path: Path) -> None:
    write(repository, vms__free=vm("free", 4), vms__free2=vm("free2", 4), vms__vast=vm("vast", 99))
    try:
        one, two = (_ran(repository, tmp_path / str(n), n, "plan") for n in (1, 2))
    finally:
        for name in ("free", "free2", "vast"):
            (repository / "vms" / f"{name}.yaml").unlink()
    assert one.stderr == two.stderr
    assert one.stderr.count("it would fit on h0, h2, h3, h4") == 2
    assert one.stderr.count("it would fit on none of them") == 1
    tried = (tmp_path / "1").read_text().count(" h0")
    assert tried == 3, "two that ask for the same are tried once, then the host is planned"


def test_few_vms_are_planned_here(tmp_path: Path) -> None:
    write(
        tmp_path, hosts__a=host("a"), hosts__b=host("b"),
        v=vm("v", 2, "host: a"), w=vm("w", 2, "host: b"),
    )  # fmt: skip
    assert _ran(tmp_path, tmp_path / "log", 4, "plan").returncode == 0
    assert len(_workers(tmp_path / "log")) == 1


def test_a_bug_in_a_worker_is_a_bug_of_kvmc(repository: Path, tmp_path: Path) -> None:
    act = "if os.getpid() != parent or host.name == 'h3': raise ValueError('no such thing')"
    ran = _ran(repository, tmp_path / "log", 2, "plan", act=act)
    assert ran.returncode == 70
    assert ran.stdout == ""
    assert ran.stderr.startswith("error[KV900]: ValueError: no such thing")
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("everyone", [True, False], ids=["the terminal", "the parent"])
def test_an_interrupt_leaves_no_worker(repository: Path, tmp_path: Path, everyone: bool) -> None:
    log = tmp_path / "log"
    code = RUN.replace("{act}", "time.sleep(60)")
    with subprocess.Popen(
        [sys.executable, "-c", code, "2", str(log), "plan"],
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as running:
        _until(lambda: log.exists() and len(_workers(log)) == 2)
        (os.killpg if everyone else os.kill)(running.pid, signal.SIGINT)
        out, said = running.communicate(timeout=30)
        assert (running.returncode, out, said) == (130, b"", b"")
        with pytest.raises(ProcessLookupError):
            os.killpg(running.pid, 0)


def _until(there: Any) -> None:
    end = time.monotonic() + 30
    while not there():
        assert time.monotonic() < end
        time.sleep(0.02)
