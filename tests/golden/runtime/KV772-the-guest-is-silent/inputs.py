from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.runtime import Slots, alive, isolate, register

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def make(folder: Path) -> None:
    register(folder)


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)
    alive(monkeypatch)
    monkeypatch.setattr("kvmc.runtime.qmp_driver.Monitor", Slots(2, [2], unplug="nothing"))
