"""Somebody pins by hand while the plan is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import fakeapply
from tests.support.fakeapply import Writer, make

if TYPE_CHECKING:
    import pytest

    from kvmc.apply.model import Observed

__all__ = ["make", "patch"]


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    fakeapply.patch(monkeypatch)
    domains = Writer.domains

    def and_then(self: Writer) -> tuple[Observed, ...]:
        seen = domains(self)
        make(Path.cwd(), pins="0 1 3")
        return seen

    monkeypatch.setattr(Writer, "domains", and_then)
