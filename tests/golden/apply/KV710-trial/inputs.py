"""Nobody confirms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import fakeapply
from tests.support.fakeapply import make

from kvmc.apply import trial
from kvmc.apply.trial import Verdict

if TYPE_CHECKING:
    import pytest

__all__ = ["make", "patch"]


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    fakeapply.patch(monkeypatch)
    monkeypatch.setattr(trial, "wait", lambda *_: Verdict.EXPIRED)
