"""Compiled templates are kept between runs, and only where nobody else can write."""

from __future__ import annotations

import os
from importlib import reload
from typing import TYPE_CHECKING

import pytest
from jinja2 import Environment

from kvmc.render import printing
from kvmc.render.compiled import compiled_templates

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return tmp_path / "caches"


def in_a_new_run() -> str:
    reload(printing)
    return printing.print_template("qemu/command.sh.j2", folder="1<2", lines=["a"])


def test_the_second_run_compiles_nothing(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = in_a_new_run()
    assert [path.stat().st_mode & 0o777 for path in (caches / "kvmc").iterdir()] == [0o600]

    def compiles(*_: object) -> None:
        raise AssertionError("it was compiled once more")

    monkeypatch.setattr(Environment, "_generate", compiles)
    assert in_a_new_run() == first


def test_what_is_damaged_is_compiled_again(caches: Path) -> None:
    first = in_a_new_run()
    (kept,) = (caches / "kvmc").iterdir()
    whole = kept.read_bytes()
    for damage in (*(whole[:n] for n in range(200)), whole[:60] + b"\0" * 99, whole[:-20], b"\0"):
        kept.write_bytes(damage)
        assert in_a_new_run() == first


def test_a_folder_that_others_can_write_to_is_not_used(caches: Path) -> None:
    caches.mkdir()
    caches.chmod(0o777)
    assert compiled_templates() is None
    assert not list(caches.iterdir())


def test_a_link_is_not_followed(caches: Path, tmp_path: Path) -> None:
    caches.mkdir(mode=0o700)
    (tmp_path / "elsewhere").mkdir()
    (caches / "kvmc").symlink_to(tmp_path / "elsewhere")
    assert compiled_templates() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_the_folder_of_another_user_is_not_used(caches: Path) -> None:
    caches.mkdir(mode=0o700)
    os.chown(caches, 12345, 12345)
    assert compiled_templates() is None
    os.chown(caches, 0, 0)
    os.chown(caches.parent, 12345, 12345)
    caches.rmdir()
    assert compiled_templates() is None
    assert not caches.exists()


@pytest.mark.parametrize("home", ["caches", "/nowhere/at/all"])
def test_without_a_folder_everything_is_compiled(
    home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    assert compiled_templates() is None
    assert "1&lt;2" in in_a_new_run()
