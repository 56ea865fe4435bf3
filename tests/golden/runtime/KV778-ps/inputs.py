from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.runtime import isolate, write_machine

if TYPE_CHECKING:
    import pytest


def make(folder: Path) -> None:
    write_machine(folder)


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)
    monkeypatch.setattr("kvmc.runtime.scan.ROOT", Path.cwd())
