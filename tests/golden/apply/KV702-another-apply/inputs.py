"""The lock is held."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import fakeapply
from tests.support.fakeapply import HOST_FOLDER, make

if TYPE_CHECKING:
    import pytest

__all__ = ["make", "patch"]


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    fakeapply.patch(monkeypatch)
    file = Path(HOST_FOLDER) / "lock"
    file.parent.mkdir(parents=True)
    file.write_text("kvmc apply, process 4711", "utf-8")
    fcntl.flock(os.open(file, os.O_RDWR), fcntl.LOCK_EX)
