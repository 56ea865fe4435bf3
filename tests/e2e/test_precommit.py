"""The hooks of this repository in pre-commit itself, against a real git repository.

pre-commit clones this repository, makes an environment and installs kvmc and its dependencies from
PyPI into it, as it would for anyone; libvirt-python is not among them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import EXAMPLES, REPO

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pre-commit")]

SECONDS = 600
LIBVIRT_PROBE = "import importlib.util as u, sys; sys.exit(u.find_spec('libvirt') is not None)"


def git(folder: Path, *arguments: str) -> str:
    who = (
        "-c",
        "user.name=kvmc",
        "-c",
        "user.email=kvmc@example.org",
        "-c",
        "commit.gpgsign=false",
    )
    command = ["git", *who, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--no-verify", "--message", "as it is")
    return git(folder, "rev-parse", "HEAD").strip()


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a clone of this repository, with what is not committed yet, and its commit."""
    if shutil.which("git") is None or not (REPO / ".git").exists():
        pytest.skip("this is no git repository")
    target = tmp_path_factory.mktemp("hooks") / "kvmc"
    names = git(REPO, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        source, copy = REPO / name, target / name
        if os.path.lexists(source):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy, follow_symlinks=False)
    git(target, "init", "--quiet")
    return target, commit(target)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which pre-commit keeps its clones and environments to itself."""
    if subprocess.run([sys.executable, "-m", "pre_commit", "--version"], check=False).returncode:
        pytest.skip("pre-commit is not installed")
    home = tmp_path_factory.mktemp("pre-commit-home")
    return {**os.environ, "PRE_COMMIT_HOME": str(home), "PRE_COMMIT_COLOR": "never"}


@pytest.fixture
def fleet(tmp_path: Path, hooks: tuple[Path, str]) -> Path:
    """Return a git repository with one host, one VM, its lock, and files that are not kvmc's."""
    for name in ("hosts", "vms"):
        shutil.copytree(EXAMPLES / "lianhua" / name, tmp_path / name)
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    (tmp_path / ".github" / "workflows" / "ci.yaml").write_text("on: push\njobs: {}\n", "utf-8")
    folder, revision = hooks
    (tmp_path / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: {folder.as_uri()}\n    rev: {revision}\n"
        "    hooks:\n      - id: kvmc-check\n      - id: kvmc-locked\n",
        "utf-8",
    )
    kvmc(tmp_path, "lock")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def kvmc(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "kvmc.cli", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def hook(folder: Path, environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_manifest_is_one(environment: dict[str, str]) -> None:
    code, said = hook(REPO, environment, "validate-manifest", ".pre-commit-hooks.yaml")
    assert (code, said) == (0, "")


def test_a_good_repository_passes_without_libvirt(fleet: Path, environment: dict[str, str]) -> None:
    code, said = hook(fleet, environment, "run", "--all-files", "--verbose")
    assert code == 0, said
    assert "kvmc check" in said
    assert "1 VM, 1 host, nothing wrong" in said
    pythons = list(Path(environment["PRE_COMMIT_HOME"]).glob("repo*/py_env-*/bin/python"))
    assert len(pythons) == 1
    assert subprocess.run([pythons[0], "-c", LIBVIRT_PROBE], check=False).returncode == 0


def test_only_a_file_that_changed_is_checked(fleet: Path, environment: dict[str, str]) -> None:
    (fleet / "vms" / "bad.yaml").write_text("kvmc: v1\nkind: vm\nname: bad\n", "utf-8")
    code, said = hook(fleet, environment, "run", "kvmc-check")
    assert code == 0, said
    assert "no files to check" in said
    git(fleet, "add", "vms/bad.yaml")
    code, said = hook(fleet, environment, "run", "kvmc-check")
    assert code == 1
    assert "vms/bad.yaml:1:1: error[KV212]" in said
    assert "lianhua" not in said


def test_a_commit_with_a_stale_lock_is_stopped(fleet: Path, environment: dict[str, str]) -> None:
    code, said = hook(fleet, environment, "install")
    assert code == 0, said
    spec = fleet / "vms" / "lianhua.yaml"
    before = spec.read_text("utf-8")
    spec.write_text(before.replace("name: lianhua", "name: renamed"), "utf-8")
    git(fleet, "add", "--all")
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "rename"]
    done = subprocess.run(
        command, cwd=fleet, capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode != 0
    assert "KV525" in done.stdout + done.stderr
    kvmc(fleet, "lock")
    git(fleet, "add", "--all")
    done = subprocess.run(
        command, cwd=fleet, capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_deleted_vm_makes_the_lock_stale(fleet: Path, environment: dict[str, str]) -> None:
    git(fleet, "rm", "--quiet", "vms/lianhua.yaml")
    code, said = hook(fleet, environment, "run", "kvmc-locked")
    assert code == 1, said
    assert "KV525" in said
