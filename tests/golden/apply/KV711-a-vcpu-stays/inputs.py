"""The guest does not give back the vCPU that was plugged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import fakeapply

from kvmc.apply import trial
from kvmc.apply.trial import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

__all__ = ["make", "patch"]


def make(folder: Path) -> None:
    fakeapply.make(folder)
    (folder / "libvirt" / "refuse").write_text("vcpus 2\n", "utf-8")


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    fakeapply.patch(monkeypatch)
    monkeypatch.setattr(trial, "wait", lambda *_: Verdict.EXPIRED)
