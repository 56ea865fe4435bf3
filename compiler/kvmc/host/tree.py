"""A read-only tree of small text files (a host's sys/ and proc/), and tolerant reading of it.

Formats: cpuset(7), "List format" and "Mask format".
Old kernels end some files in a NUL byte, and captures lose files: what cannot be read is None.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from kvmc.cpuset import MAX_CPU_ID, CpuSet, CpuSetError
from kvmc.diagnostics import Place, warning
from kvmc.words import some

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmc.diagnostics import Diagnostic

_NUMBER = re.compile(r"-?[0-9]{1,18}\Z")
_NAMED = 3


class Tree(Protocol):
    """Files below a root; paths are relative and use "/", e.g. `sys/devices/system/cpu/online`."""

    def read(self, path: str) -> str | None:
        """Return a file's text, or None when it is missing or unreadable."""

    def list(self, path: str) -> tuple[str, ...]:
        """Return the names in a folder, sorted; () when it is missing or unreadable."""


class Reader:
    """Reads facts out of a tree, and remembers which files held no valid value."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.bad: list[str] = []

    def text(self, path: str) -> str | None:
        """Return a file's text without NUL bytes and outer blanks."""
        raw = self.tree.read(path)
        return None if raw is None else raw.replace("\0", "").strip()

    def number(self, path: str) -> int | None:
        """Return a whole number; None when missing, -1 included as the kernel's "unknown"."""
        text = self.text(path)
        if text is None:
            return None
        if not _NUMBER.match(text):
            self.bad.append(path)
            return None
        return None if text == "-1" else int(text)

    def cpus(self, *paths: str) -> CpuSet | None:
        """Return the first valid set; the file's name tells whether it is a list or a mask."""
        for path in paths:
            text = self.text(path)
            if text is None:
                continue
            try:
                return CpuSet.parse(text) if _is_list(path) else CpuSet.parse_mask(text)
            except CpuSetError:
                self.bad.append(path)
        return None

    def numbered(self, path: str, prefix: str) -> tuple[int, ...]:
        """Return the numbers of entries such as cpu0, cpu1 in a folder, ascending."""
        found = (
            name.removeprefix(prefix) for name in self.tree.list(path) if name.startswith(prefix)
        )
        return tuple(sorted(int(tail) for tail in found if _is_id(tail)))


_MASKS = {
    "core_cpus",
    "thread_siblings",
    "package_cpus",
    "core_siblings",
    "die_cpus",
    "shared_cpu_map",
    "cpumap",
}


def _is_list(path: str) -> bool:
    return path.rpartition("/")[2] not in _MASKS


def _is_id(text: str) -> bool:
    """Tell the end of cpu1 from those of cpufreq and cpu01, which is none that a kernel makes."""
    return (
        _NUMBER.match(text) is not None and str(int(text)) == text and 0 <= int(text) <= MAX_CPU_ID
    )


def ignored(bad: Iterable[str], file: str) -> tuple[Diagnostic, ...]:
    """Return KV413 for what held no valid value, with the first few named; () where nothing did."""
    names = list(dict.fromkeys(bad))
    if not names:
        return ()
    text = f"no valid value in {some(names, _NAMED)}: ignored"
    return (warning("KV413", text, Place(file=file)),)
