"""A diagnostic's file as other programs want it: relative to the repository's root."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmc.diagnostics import Diagnostic

_NO_FILES = ("", "-", "<stdin>", "<stdout>")
"""Names that are those of no file."""


def path_of(diagnostic: Diagnostic, folder: str, root: str) -> str | None:
    """Return the path of the diagnostic's file relative to `root`; absolute where it is outside.

    `folder` is where kvmc runs, `root` the repository's; both absolute. None where the diagnostic
    is about no file.
    """
    file = diagnostic.place.file if diagnostic.place else ""
    if file in _NO_FILES:
        return None
    absolute = posixpath.normpath(posixpath.join(folder, file))
    inside = posixpath.relpath(absolute, root)
    return absolute if inside.split("/")[0] == ".." else inside
