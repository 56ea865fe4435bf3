from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmc.cpuset import CpuSet
from kvmc.host.model import Core, Host
from kvmc.runtime.fitness import other_machine
from kvmc.runtime.process import describe, died, exit_code, words
from tests.support.jobs import vm

if TYPE_CHECKING:
    from pathlib import Path


def _host(*cores: tuple[int, ...]) -> Host:
    return Host(name="h", cores=tuple(Core(cpus=c, node=0) for c in cores))


def test_a_plan_for_this_machine() -> None:
    here = _host((0, 2), (1, 3))
    cpus = CpuSet((0, 3))
    assert other_machine(vm(), cpus, here, here) == ()
    assert other_machine(vm(), cpus, None, here) == ()
    (found,) = other_machine(vm(), cpus, _host((0, 1), (2, 3)), here)
    assert (found.code, found.is_error) == ("KV777", False)
    (found,) = other_machine(vm(), CpuSet((3, 4, 5)), here, here)
    assert (found.code, found.is_error) == ("KV775", True)
    assert "CPUs 4-5; online here are 0-3" in found.message


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (0, 0, "ended with status 0"),
        (3, 3, "ended with status 3"),
        (-6, 134, "was killed by SIGABRT"),
    ],
)
def test_ends(status: int, code: int, text: str) -> None:
    assert exit_code(status) == code
    assert describe(status) == text


def test_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert words(log) == ""
    assert died("web", 1, log).message.endswith("it printed nothing")
    log.write_bytes(b"x" * 100000 + b"\nfirst\n\xffsecond\n")
    assert len(words(log)) <= 64 * 1024
    found = died("web", None, log)
    assert found.message == "web: QEMU ended: �second"
    assert found.hint is not None
    assert found.hint.endswith("first")
