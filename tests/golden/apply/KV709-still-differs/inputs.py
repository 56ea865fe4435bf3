"""A libvirt that takes definitions and forgets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import fakeapply
from tests.support.fakeapply import Writer, make

if TYPE_CHECKING:
    import pytest

__all__ = ["make", "patch"]


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    fakeapply.patch(monkeypatch)
    monkeypatch.setattr(Writer, "define", lambda *_: None)
