"""A folder that nothing but one example of a test has seen."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz import corpus

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def inside(files: corpus.Folder) -> Iterator[Path]:
    """Make a folder with these files and stand in it; it lies alone in another one."""
    before = Path.cwd()
    around = Path(tempfile.mkdtemp(prefix="kvmc-fuzz-"))
    work = around / "work"
    work.mkdir()
    try:
        corpus.write(work, files)
        os.chdir(work)
        yield work
    finally:
        os.chdir(before)
        shutil.rmtree(around, ignore_errors=True)
