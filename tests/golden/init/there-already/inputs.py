"""On a machine that is the same everywhere."""

from __future__ import annotations

from tests.support.fakemachine import patch

__all__ = ["patch"]
