from __future__ import annotations

import os
from pathlib import Path

import pytest

from kvmc.host.probe import FolderTree, local_name, probe_sysfs
from tests.unit.host.trees import CPU, smt_host, write


def test_a_captured_folder(tmp_path: Path) -> None:
    outcome = probe_sysfs(write(tmp_path, smt_host()), "box")
    assert outcome.value is not None
    assert outcome.diagnostics == ()
    assert (outcome.value.name, len(outcome.value.cores)) == ("box", 4)


def test_links_never_leave_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    write(root, {"sys/real/a": "inside", "etc/hostname": "inside too"})
    (root / "sys" / "absolute").symlink_to("/etc")
    (root / "sys" / "up").symlink_to("../../../../secret")
    (root / "sys" / "folder").symlink_to("real")
    (root / "sys" / "circle").symlink_to("circle")
    (root / "sys" / "file").symlink_to(tmp_path / "secret")
    tree = FolderTree(root)
    assert tree.read("sys/absolute/hostname") == "inside too"
    assert tree.list("sys/absolute") == ("hostname",)
    assert tree.read("sys/folder/a") == "inside"
    assert tree.read("sys/folder/../../../secret") is None
    assert [tree.read(f"sys/{name}") for name in ("up", "circle", "file", "circle/x")] == [None] * 4
    assert tree.list("../..") == tree.list("")


def test_odd_files_are_absent(tmp_path: Path) -> None:
    write(tmp_path, {"sys/a": "x"})
    os.mkfifo(tmp_path / "sys" / "pipe")
    (tmp_path / "sys" / "binary").write_bytes(b"\xff\xfe1\0")
    tree = FolderTree(tmp_path)
    assert tree.read("sys/pipe") is None
    assert tree.read("sys") is None
    assert tree.read("sys/none/x") is None
    assert tree.read("sys/binary") is not None
    assert tree.list("sys/a") == ()


def test_this_machine() -> None:
    if not Path("/", CPU).is_dir():
        pytest.skip("no sysfs here")
    outcome = probe_sysfs(Path("/"), local_name())
    assert outcome.value is not None
    assert outcome.value.arch == os.uname().machine
    assert os.sched_getaffinity(0) <= set(outcome.value.online)


def test_a_folder_without_sys(tmp_path: Path) -> None:
    assert [one.code for one in probe_sysfs(tmp_path, "x").diagnostics] == ["KV404"]
