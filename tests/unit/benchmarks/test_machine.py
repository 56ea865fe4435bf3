"""What was measured on: every program that takes part, and those that are not there."""

from __future__ import annotations

import platform
import re
from typing import TYPE_CHECKING

from benchmarks import exact, machine

if TYPE_CHECKING:
    import pytest


def test_it_names_this_python_and_this_kernel() -> None:
    text = machine.described("34.0.0, under Python 3.11.7")
    assert f"| Python | {platform.python_implementation()} {platform.python_version()} |" in text
    assert f"| kernel | {platform.release()} |" in text
    assert "| Nova | 34.0.0, under Python 3.11.7 |" in text
    assert re.search(r"^\| CPUs \| [1-9][0-9]* \|$", text, re.MULTILINE)


def test_what_is_not_there_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "which", lambda _: None)
    monkeypatch.setattr(exact, "installed", str)
    text = machine.described("")
    for name in ("Nova", "OR-Tools", "virt-install"):
        assert f"| {name} | not installed |" in text
