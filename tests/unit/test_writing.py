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


def _repository() -> Path:
    """Return the folder hosts/ of a repository, which holds the link `a` to `../shared/a`."""
    for folder in ("r/.git", "r/hosts", "r/shared"):
        Path(folder).mkdir(parents=True)
    Path("r/hosts/a").symlink_to("../shared/a")
    return Path("r/hosts")


def test_a_link_is_replaced_unless_it_is_to_be_followed() -> None:
    link = _repository() / "a"
    Path("r/shared/a").write_text("old", "utf-8")
    assert write_atomically(link, "new")
    assert not link.is_symlink()
    assert Path("r/shared/a").read_text("utf-8") == "old"


@pytest.mark.parametrize("there", [True, False])
def test_a_link_within_the_repository_is_followed_and_stays(there: bool) -> None:
    link = _repository() / "a"
    if there:
        Path("r/shared/a").write_text("old", "utf-8")
    assert write_atomically(link, "new", follow=True)
    assert link.readlink() == Path("../shared/a")
    assert Path("r/shared/a").read_text("utf-8") == "new"
    assert sorted(os.listdir("r/shared")) == ["a"]  # noqa: PTH208 - hidden files too
    assert not write_atomically(link, "new", follow=True)


def test_a_chain_of_links_is_followed_to_its_end() -> None:
    hosts = _repository()
    (hosts / "b").symlink_to("a")
    Path("hosts").symlink_to("r/hosts")
    assert write_atomically(Path("hosts/b"), "new", follow=True)
    assert Path("r/shared/a").read_text("utf-8") == "new"
    assert (hosts / "b").is_symlink()
    assert (hosts / "a").is_symlink()


@pytest.mark.parametrize(
    "to", ["../../precious", "../.git/config", "{here}/precious", "/dev/null", "../shared/out"]
)
def test_a_link_out_of_the_repository_is_neither_followed_nor_replaced(to: str) -> None:
    hosts = _repository()
    Path("precious").write_text("mine", "utf-8")
    Path("r/shared/out").symlink_to("../../precious")
    (hosts / "b").symlink_to(to.format(here=Path.cwd()))
    with pytest.raises(OSError, match="out of its repository"):
        write_atomically(hosts / "b", "new", follow=True)
    assert Path("precious").read_text("utf-8") == "mine"
    assert (hosts / "b").is_symlink()
    assert os.listdir("r/.git") == []  # noqa: PTH208


def test_outside_of_a_repository_a_link_is_followed_within_its_folder() -> None:
    Path("maps").mkdir()
    Path("maps/now.svg").symlink_to("today.svg")
    assert write_atomically(Path("maps/now.svg"), "new", follow=True)
    assert Path("maps/today.svg").read_text("utf-8") == "new"
    Path("maps/up.svg").symlink_to("../up.svg")
    with pytest.raises(OSError, match="leads out"):
        write_atomically(Path("maps/up.svg"), "new", follow=True)
    assert not Path("up.svg").exists()


def test_a_folder_that_is_a_link_may_lead_anywhere() -> None:
    _repository()
    Path("elsewhere").mkdir()
    Path("r/far").symlink_to("../elsewhere")
    assert write_atomically(Path("r/far/a"), "new", follow=True)
    assert Path("elsewhere/a").read_text("utf-8") == "new"


def test_no_folder_is_made_where_a_link_leads() -> None:
    hosts = _repository()
    (hosts / "b").symlink_to("not/there")
    with pytest.raises(FileNotFoundError):
        write_atomically(hosts / "b", "new", follow=True)
    assert not (hosts / "not").exists()


def test_a_circle_of_links_is_the_systems_error() -> None:
    hosts = _repository()
    (hosts / "b").symlink_to("c")
    (hosts / "c").symlink_to("b")
    with pytest.raises(OSError, match="symbolic links"):
        write_atomically(hosts / "b", "new", follow=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make somebody else's link")
def test_a_link_that_somebody_else_left_in_a_shared_folder_is_not_followed() -> None:
    Path("tmp").mkdir()
    Path("tmp").chmod(0o1777)
    Path("tmp/map").symlink_to("precious")
    Path("tmp/precious").write_text("mine", "utf-8")
    assert write_atomically(Path("tmp/map"), "my own link", follow=True)
    os.chown("tmp/map", 65534, 65534, follow_symlinks=False)
    with pytest.raises(OSError, match="not yours"):
        write_atomically(Path("tmp/map"), "new", follow=True)
    assert Path("tmp/precious").read_text("utf-8") == "my own link"
    # the kernel follows it for the owner of the folder too, who could do worse
    os.chown("tmp", 65534, 65534)
    assert write_atomically(Path("tmp/map"), "new", follow=True)
