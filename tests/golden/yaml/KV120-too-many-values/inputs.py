"""The bound lowered, so that the input stays short."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow twenty values in one collection instead of 500,000."""
    monkeypatch.setattr("kvmc.source.problems.MAX_VALUES", 20)
