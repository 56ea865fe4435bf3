"""The old definition is refused now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import fakeapply
from tests.support.fakeapply import patch

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make", "patch"]


def make(folder: Path) -> None:
    fakeapply.killed(folder)
    (folder / "libvirt" / "refuse").write_text("definition\n", "utf-8")
