"""A machine whose isolated, tickless and online CPUs are not the plan's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import fakehost
from tests.support.fakehost import patch

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make", "patch"]


def make(folder: Path) -> None:
    fakehost.write_cpus(folder, online="0-6", isolated="1-3", nohz_full="0,2-3")
