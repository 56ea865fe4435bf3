"""What fuzzing found, each by its smallest repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import corpus
from tests.fuzz.cli import judge, kvmc
from tests.fuzz.places import inside
from tests.unit.host.trees import smt_host

VM = b"{kvmc: v1, kind: vm, name: web, memory: 1GiB, cpu: {count: 1}, pin: {strategy: dedicated}}\n"
HOST = b"""kvmc: v1
kind: host
name: h
arch: x86_64
nodes: [{id: 0, memory: 4GiB}, {id: 1, memory: 1GiB, hugepages: {2MiB: %d}}]
cores: [{node: 0, cpus: [[0], [1]]}]
"""


def test_a_node_with_more_pages_than_memory() -> None:
    with inside({"hosts/h.yaml": HOST % 513, "vms/web.yaml": VM}):
        judge(kvmc("plan"))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become nobody")
def test_a_lock_that_may_not_be_read_is_no_missing_lock() -> None:
    with inside({"hosts/h.yaml": HOST % 1, "vms/web.yaml": VM}) as work:
        assert kvmc("lock").code == 0
        for folder in (work.parent, work):
            folder.chmod(0o755)
        Path("hosts/h.lock.yaml").chmod(0)
        os.seteuid(65534)
        try:
            run = kvmc("plan")
        finally:
            os.seteuid(0)
        assert run.code == 1, "it plans anew, as if nothing were held"
        assert "permission denied" in run.err


def test_a_lock_that_is_no_file_is_no_missing_lock() -> None:
    with inside({"hosts/h.yaml": HOST % 1, "vms/web.yaml": VM}):
        Path("hosts/h.lock.yaml").mkdir()
        assert kvmc("plan").code == 1


def test_an_interrupt_while_the_parser_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    from kvmc import arguments, cli

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(arguments, "parser", interrupted)
    assert cli.main(["check"]) == cli.INTERRUPTED


@pytest.mark.parametrize(
    ("streams", "code"),
    [(">&-", 0), ("2>&-", 0), (">&- 2>&- <&-", 0), (">/dev/full", 4), ("2>/dev/full", 4)],
)
def test_streams_that_are_closed_or_full(streams: str, code: int) -> None:
    with inside({"hosts/h.yaml": HOST % 1, "vms/web.yaml": VM}):
        command = f"exec {sys.executable} -m kvmc plan {streams}"
        run = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
        assert run.returncode == code, run.stderr.decode()
        assert b"KV9" not in run.stderr


@pytest.mark.parametrize("target", ["/dev/stdout", "/dev/null"])
def test_a_host_probed_into_a_stream_is_not_read_from_it(target: str) -> None:
    with inside({f"root/{name}": text.encode() for name, text in smt_host().items()}):
        probe = [sys.executable, "-m", "kvmc", "host", "probe", "--sysfs", "root", "-o", target]
        run = subprocess.run(probe, capture_output=True, timeout=20, check=False)
        assert run.returncode == 0, run.stderr.decode()
        assert (b"kind: host" in run.stdout) == (target == "/dev/stdout")


def test_a_domain_imported_into_a_pipe_is_not_read_from_it() -> None:
    with inside({"d.xml": corpus.xml("domain")[0]}):
        command = [sys.executable, "-m", "kvmc", "import", "d.xml", "-o", "/dev/stdout"]
        run = subprocess.run(command, capture_output=True, timeout=20, check=False)
        assert b"kind: vm" in run.stdout, run.stderr.decode()
