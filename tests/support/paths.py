"""Where things are: this repository, and the shared material that may stand beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
EXAMPLES = REPO / "examples"
GOLDEN = REPO / "tests" / "golden"

_BESIDE = REPO.parent / "shared"
SHARED: Path | None = _BESIDE if _BESIDE.is_dir() else None
"""Captured machines, schemas and notes that belong to others; None where it is absent."""

needs_shared = pytest.mark.skipif(SHARED is None, reason=f"{_BESIDE} is absent")
