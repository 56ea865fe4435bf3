"""The completion scripts in the shells they are for."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 30


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the scripts of all shells, a spec and a domain."""
    for shell in ("bash", "zsh", "fish"):
        command = [sys.executable, "-m", "kvmc.cli", "completion", shell]
        script = subprocess.run(command, capture_output=True, check=True, timeout=SECONDS).stdout
        (tmp_path / f"kvmc.{shell}").write_bytes(script)
    (tmp_path / "vms").mkdir()
    (tmp_path / "special.yaml").write_text("kvmc: v1\n", "utf-8")
    return tmp_path


def bash(folder: Path, *words: str) -> list[str]:
    """Return what bash offers for the last word."""
    script = (
        'source ./kvmc.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        'COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; '
        "function=$(complete -p kvmc | sed 's/.*-F \\([^ ]*\\).*/\\1/'); "
        '$function kvmc "${@: -1}" "${@: -2:1}"; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    command = ["bash", "--norc", "-c", script, "bash", "kvmc", *words]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert done.stderr == ""
    return sorted(done.stdout.split())


def fish(folder: Path, line: str) -> list[str]:
    """Return what fish offers at the end of the line."""
    command = ["fish", "--no-config", "-c", "source ./kvmc.fish; complete -C $argv[1]", line]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
        env={**os.environ, "HOME": str(folder)},
    )
    return sorted(offer.split("\t")[0] for offer in done.stdout.splitlines())


def zsh(folder: Path, typed: str, wanted: str) -> str:
    """Type into an interactive zsh until it shows what is wanted; return what it showed then."""
    setup = (
        'autoload -Uz compinit && compinit -D -u; eval "$(<kvmc.zsh)"; '
        "setopt no_beep; PS1='re''ady> '\n"
    )
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb", "HOME": str(folder)})  # noqa: S606
    try:
        os.write(terminal, setup.encode())
        _shown(terminal, "ready> ")
        os.write(terminal, typed.encode())
        return _shown(terminal, wanted)
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


def _shown(terminal: int, wanted: str) -> str:
    """Read until the text is there, or time is up."""
    shown, end = "", time.monotonic() + SECONDS
    while wanted not in shown and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
    return shown


@needs("bash")
def test_bash_completes_commands_words_and_files(folder: Path) -> None:
    assert bash(folder, "exp") == ["explain"]
    assert bash(folder, "host", "pr") == ["probe"]
    assert "sarif" in bash(folder, "check", "--format", "")
    assert "sarif" not in bash(folder, "plan", "--format", "")
    assert bash(folder, "check", "spec") == ["special.yaml"]
    assert bash(folder, "build", "-o", "vm") == ["vms"]
    assert "--strict" in bash(folder, "check", "--s")


@needs("fish")
def test_fish_completes_commands_words_and_files(folder: Path) -> None:
    assert fish(folder, "kvmc exp") == ["explain"]
    assert fish(folder, "kvmc host pr") == ["probe"]
    assert "sarif" in fish(folder, "kvmc check --format ")
    assert "special.yaml" in fish(folder, "kvmc check spec")


@needs("zsh")
def test_zsh_completes_commands_and_files(folder: Path) -> None:
    assert "kvmc explain" in zsh(folder, "kvmc expl\t", "kvmc explain")
    assert "special.yaml" in zsh(folder, "kvmc check spec\t", "special.yaml")
    assert "sarif" in zsh(folder, "kvmc check --format sa\t", "sarif")
