"""The effect of cgroups: reading, writing, making and removing, with the kernel's refusals."""

from __future__ import annotations

import os
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
OWN = Path("/proc/self/cgroup")


def read(path: Path) -> str:
    """Return a file's text; "" where it cannot be read."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def write(path: Path, text: str) -> None:
    """Write into a file that the kernel made; raises OSError that names it."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(handle, text.encode())
        finally:
            os.close(handle)
    except OSError as refusal:
        raise OSError(refusal.errno, refusal.strerror, str(path)) from refusal


def make(path: Path) -> None:
    """Make a group; raises OSError, but not where it is there."""
    path.mkdir(mode=0o755, exist_ok=True)


def remove(path: Path) -> None:
    """Remove a group and those directly below it; one that still has threads stays."""
    for one in (*below(path), path):
        try:
            one.rmdir()
        except OSError:
            continue


def below(path: Path) -> tuple[Path, ...]:
    """Return the groups directly below, by name."""
    try:
        return tuple(sorted(one for one in path.iterdir() if one.is_dir()))
    except OSError:
        return ()
