"""Compiled templates, kept in the user's cache folder: compiling them takes longer than planning.

As with Python's own `.pyc` files, what is kept is code. So it is read only from a folder that
nobody else can write to, and a run that has none (under sudo with a user's HOME, say) compiles.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import jinja2.compiler
from jinja2 import FileSystemBytecodeCache

if TYPE_CHECKING:
    from jinja2.bccache import Bucket

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def compiled_templates() -> FileSystemBytecodeCache | None:
    """Return the cache below $XDG_CACHE_HOME (~/.cache by default), or None where none is safe."""
    above = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if not os.path.isabs(above):
        return None
    folder = os.path.join(above, "kvmc")
    try:
        for path in (above, folder):
            _own_folder(path)
        made = os.stat(jinja2.compiler.__file__).st_mtime_ns
    except OSError:
        return None
    return _Kept(folder, f"template-{made:x}-%s")


def _own_folder(path: str) -> None:
    """Make sure that a folder is there and this user's alone; raises OSError where it is not."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        _check_owner(os.stat(os.path.dirname(path)))
        os.mkdir(path, 0o700)
        return
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(path)
    _check_owner(found)


def _check_owner(found: os.stat_result) -> None:
    if found.st_uid != os.geteuid() or found.st_mode & _OTHERS_WRITE:
        raise PermissionError("others may write there")


class _Kept(FileSystemBytecodeCache):
    """Jinja2's own cache; one that is damaged or cannot be written to is as good as none."""

    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            super().load_bytecode(bucket)
        except (OSError, EOFError, ValueError, UnpicklingError):
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().dump_bytecode(bucket)
