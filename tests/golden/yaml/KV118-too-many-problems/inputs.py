"""The bound lowered, so that the expected output stays short."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop after three problems instead of 1000."""
    monkeypatch.setattr("kvmc.source.problems.MAX_PROBLEMS", 3)
