"""A description that was given a name of its own, and a terminal that says no."""

from __future__ import annotations

from tests.support.fakeapply import make, patch

__all__ = ["make", "patch"]
