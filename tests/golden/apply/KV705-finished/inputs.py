"""An apply was killed after its definitions and before its live steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import fakeapply
from tests.support.fakeapply import domain, patch

from kvmc.apply.steps import Live, Step, Work, digest

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make", "patch"]

OLD, NEW = domain("web", "0 1 2"), domain("web", "4 5 6")
LIVE = Live(vcpus=2, vcpupins=((0, "0"), (1, "1"), (2, "2")), emulator="0-3")
STEPS = tuple(Step(kind="vcpupin", target=str(i), value=str(i + 4)) for i in range(3))
WORK = Work(name="web", uuid="u", old=OLD, new=NEW, live=LIVE, steps=STEPS)
DEFINED = {"defined": "web", "digest": digest(NEW)}


def make(folder: Path) -> None:
    fakeapply.make(folder)
    (folder / "libvirt" / "web.xml").write_text(NEW, "utf-8")
    fakeapply.leave_journal(folder, (WORK,), DEFINED, {"commit": True})
