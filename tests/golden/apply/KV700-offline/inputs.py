"""The host has four CPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import fakeapply
from tests.support.fakeapply import patch

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make", "patch"]


def make(folder: Path) -> None:
    fakeapply.make(folder)
    (folder / "libvirt" / "online").write_text("0-3\n", "utf-8")
