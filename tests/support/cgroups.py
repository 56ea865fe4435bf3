"""A made-up cgroup hierarchy with the cpu controller; what is refused can be chosen."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Cgroups:
    """Takes the place of the kernel below a folder: files appear in groups, writes are kept.

    `refuse`: the names of files that may not be written, and of groups that may not be made.
    """

    def __init__(
        self, patch: pytest.MonkeyPatch, folder: Path, version: Literal[1, 2], own: str = ""
    ) -> None:
        self.root, self.version = folder / "cgroup", version
        self.written: list[tuple[str, str]] = []
        self.refuse: set[str] = set()
        self.own = self.root / own
        self.own.mkdir(parents=True)
        kind = "cgroup x rw,cpu" if version == 1 else "cgroup2 x rw"
        mounts, mine = folder / "mountinfo", folder / "own"
        mounts.write_text(f"1 1 0:1 / {self.root} rw - {kind}\n", "ascii")
        mine.write_text(f"{'1:cpu:' if version == 1 else '0::'}/{own}\n", "ascii")
        for group in {self.root, self.own}:
            (group / "cgroup.controllers").write_text("cpu memory\n", "ascii")
            (group / "cgroup.subtree_control").write_text("memory\n", "ascii")
        patch.setattr("kvmc.runtime.cgroupfs.MOUNTS", mounts)
        patch.setattr("kvmc.runtime.cgroupfs.OWN", mine)
        patch.setattr("kvmc.runtime.cgroupfs.write", self._write)
        patch.setattr("kvmc.runtime.cgroupfs.make", self._make)

    def groups(self) -> list[str]:
        """Return the groups below the topmost."""
        below = (path for path in self.root.rglob("*") if path.is_dir())
        return sorted(str(path.relative_to(self.root)) for path in below)

    def _write(self, path: Path, text: str) -> None:
        if path.name in self.refuse:
            raise OSError(errno.EACCES, "Permission denied", str(path))
        self.written.append((str(path.relative_to(self.root)), text))

    def _make(self, path: Path) -> None:
        if path.name in self.refuse or path.parent.name in self.refuse:
            raise OSError(errno.EACCES, "Permission denied", str(path))
        path.mkdir(exist_ok=True)
