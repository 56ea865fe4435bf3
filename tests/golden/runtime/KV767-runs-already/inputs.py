from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.runtime import alive, isolate, register

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def make(folder: Path) -> None:
    register(folder)


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)
    alive(monkeypatch)
