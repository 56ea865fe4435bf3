from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.runtime import isolate

if TYPE_CHECKING:
    import pytest


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)
