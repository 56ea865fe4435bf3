"""Looking at a libvirt host and at this machine's kernel, read-only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kvmc.apply.model import HypervisorError
from kvmc.commands.result import Failure

if TYPE_CHECKING:
    from kvmc.apply.model import Observation
    from kvmc.host.tree import Tree


def look(uri: str, names: frozenset[str] | None = None) -> Observation:
    """Return what a read-only connection and, for a local one, this machine's kernel tell.

    Raises Failure(4) where libvirt cannot be asked. The kernel is asked about the named domains.
    """
    from kvmc.apply.libvirt_driver import Reader
    from kvmc.apply.observe import observe

    try:
        with Reader(uri) as reader:
            return observe(reader, this_machine(), names)
    except HypervisorError as reason:
        raise Failure(4, str(reason)) from reason


def this_machine() -> Tree:
    """Return this machine's /proc and /sys."""
    from kvmc.host.probe import FolderTree

    return FolderTree(Path("/"))
