"""The disk is full when the journal is begun."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NoReturn

from tests.support import fakeapply
from tests.support.fakeapply import make

from kvmc.apply import journal

if TYPE_CHECKING:
    import pytest

__all__ = ["make", "patch"]


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    fakeapply.patch(monkeypatch)

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal, "_append", full)
