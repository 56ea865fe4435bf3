"""The bound lowered, so that the expected output stays short."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow two documents instead of 20,000."""
    monkeypatch.setattr("kvmc.source.problems.MAX_DOCUMENTS", 2)
