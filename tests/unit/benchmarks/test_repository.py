"""The repositories that are measured: specs of 40 lines that are right, and that fit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from benchmarks.repository import SPEC, write_equal, write_mixed

from tests.support.console import kvmc

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_spec_has_forty_lines() -> None:
    assert len(SPEC.splitlines()) == 40


@pytest.mark.parametrize("write", [write_equal, write_mixed])
def test_all_that_is_written_is_placed(
    write: Callable[[Path, int, int], None], tmp_path: Path
) -> None:
    write(tmp_path / "r", 30, 6)
    ran = kvmc("plan", "--format", "json", tmp_path / "r")
    assert ran.code == 0
    hosts = Counter({host["name"]: len(host["vms"]) for host in ran.json["hosts"]})
    assert hosts.total() == 30
    assert len(hosts) == 6


def test_a_full_mixed_repository_fits(tmp_path: Path) -> None:
    write_mixed(tmp_path / "r", 180, 5)
    assert kvmc("plan", "--format", "json", tmp_path / "r").code == 0
