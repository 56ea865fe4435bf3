from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.runtime import install_qemu, isolate

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def make(folder: Path) -> None:
    install_qemu(folder)


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)
