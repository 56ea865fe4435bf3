"""What makes no sense."""

from __future__ import annotations

from tests.support.fakeapply import make, patch

__all__ = ["make", "patch"]
