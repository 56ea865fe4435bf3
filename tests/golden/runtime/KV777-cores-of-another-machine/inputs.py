from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.runtime import isolate, this_machine

if TYPE_CHECKING:
    import pytest


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)
    this_machine(monkeypatch, (0, 1))
