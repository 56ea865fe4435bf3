"""Writing whole files or none."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kvmc.writing import write_atomically


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_file_is_written_with_its_folders() -> None:
    assert write_atomically(Path("a/b/c.xml"), "ä\n")
    assert Path("a/b/c.xml").read_bytes() == "ä\n".encode()


def test_a_file_that_would_not_change_is_not_touched() -> None:
    write_atomically(Path("c.xml"), "same")
    os.utime("c.xml", (1, 1))
    inode = Path("c.xml").stat().st_ino
    assert not write_atomically(Path("c.xml"), "same")
    assert (Path("c.xml").stat().st_mtime, Path("c.xml").stat().st_ino) == (1, inode)


def test_a_file_has_the_mode_that_the_umask_leaves() -> None:
    before = os.umask(0o027)
    try:
        write_atomically(Path("c.xml"), "x")
        assert stat.S_IMODE(Path("c.xml").stat().st_mode) == 0o640
    finally:
        assert os.umask(before) == 0o027


def test_a_failure_leaves_the_old_file_and_no_crumbs(monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(Path("c.xml"), "old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(Path("c.xml"), "new")
    assert Path("c.xml").read_text("utf-8") == "old"
    assert os.listdir() == ["c.xml"]  # noqa: PTH208 - hidden files too


def test_a_folder_in_the_way_is_the_systems_error() -> None:
    Path("c.xml").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(Path("c.xml"), "x")
    assert os.listdir() == ["c.xml"]  # noqa: PTH208


def test_what_a_killed_process_left_beside_is_in_nobodys_way() -> None:
    Path(f".a.xml.{os.getpid()}-0").write_text("left", "utf-8")
    assert write_atomically(Path("a.xml"), "new", durable=False)
    assert Path("a.xml").read_text("utf-8") == "new"
    assert sorted(os.listdir()) == [f".a.xml.{os.getpid()}-0", "a.xml"]  # noqa: PTH208 - hidden too


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_process_that_is_ended_leaves_no_crumbs_and_dies_of_the_signal(name: str) -> None:
    Path("c.xml").write_text("old", "utf-8")
    program = (
        "import os, signal, sys\n"
        "from kvmc.writing import write_atomically\n"
        f"os.fsync = lambda _: os.kill(os.getpid(), signal.{name})\n"
        "write_atomically('c.xml', 'new')"
    )
    run = subprocess.run([sys.executable, "-c", program], check=False)
    assert run.returncode == -signal.Signals[name]
    assert os.listdir() == ["c.xml"]  # noqa: PTH208 - hidden files too
    assert Path("c.xml").read_text("utf-8") == "old"


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    program = (
        "import os, signal\n"
        "from kvmc.writing import write_atomically\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGHUP)\n"
        "write_atomically('c.xml', 'new')"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert Path("c.xml").read_text("utf-8") == "new"
