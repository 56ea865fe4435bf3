from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.fake_libvirt import HOST_MODEL, install

if TYPE_CHECKING:
    import pytest


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, {"kvm": HOST_MODEL})
