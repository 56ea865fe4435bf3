from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.runtime import isolate, write_machine

if TYPE_CHECKING:
    import pytest


def make(folder: Path) -> None:
    write_machine(folder)
    file = folder / "proc" / "self" / "mountinfo"
    file.parent.mkdir()
    file.write_text("22 1 0:20 / /proc rw - proc proc rw,hidepid=2\n", "utf-8")


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)
    monkeypatch.setattr("kvmc.runtime.scan.ROOT", Path.cwd())
    monkeypatch.setattr("os.geteuid", lambda: 1000)
