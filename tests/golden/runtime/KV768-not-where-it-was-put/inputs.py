from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.runtime import install_qemu, isolate

from kvmc.cpuset import CpuSet

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest


def make(folder: Path) -> None:
    install_qemu(folder)


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch)

    def elsewhere(_pid: int, threads: Iterable[int]) -> dict[int, CpuSet]:
        return {thread: CpuSet((7,)) for thread in threads}

    monkeypatch.setattr("kvmc.runtime.pinning.allowed", elsewhere)
