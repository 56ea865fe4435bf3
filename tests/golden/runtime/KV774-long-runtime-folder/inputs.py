from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.runtime import isolate

if TYPE_CHECKING:
    import pytest


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(Path.cwd() / ("x" * 100)))
