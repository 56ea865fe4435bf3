"""The journal is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import fakeapply
from tests.support.fakeapply import HOST_FOLDER, patch

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make", "patch"]


def make(folder: Path) -> None:
    fakeapply.make(folder)
    (folder / HOST_FOLDER).mkdir(parents=True)
    (folder / HOST_FOLDER / "journal.jsonl").write_text('{"kvmc": 9}\n', "utf-8")
