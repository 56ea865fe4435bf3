"""A page's commands, run one after the other in one folder, as a reader would.

The page starts in `kvmc/`, a copy of what a clone of this repository has for readers. `/var/tmp/`
in a page is this session's own folder. Nothing of the environment goes in but PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from tests.docs.blocks import shows
from tests.support.paths import REPO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docs.blocks import Command

ANYWHERE = "/var/tmp/"  # noqa: S108 (a text in the pages; the tests write to a folder of their own)
"""What pages say for a folder that every user can write to and QEMU can read."""

_COPIED = ("examples", "docs", "schemas", ".ci")
_SECONDS = 180
_TRAP = 'trap \'declare -px >"$KVMC_STATE/env"; pwd >"$KVMC_STATE/cwd"\' EXIT\n'


class Session(Struct, frozen=True, kw_only=True):
    """A folder and a shell's state in it."""

    root: Path

    @property
    def cwd(self) -> Path:
        """Where the last command left the shell."""
        return Path((self.root / "state" / "cwd").read_text("utf-8").rstrip("\n"))

    def write(self, name: str, text: str) -> None:
        """Write a file that the page shows, as a reader would with an editor."""
        target = self.cwd / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self._here(text) + "\n", "utf-8")

    def run(self, command: Command) -> str:
        """Run a command; return what is wrong with what it printed and its exit code, or ''."""
        state = self.root / "state"
        script = f". {state}/env\n{_TRAP}{self._here(command.text)}\n"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.cwd, env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=_SECONDS, check=False,
        )  # fmt: skip
        text = done.stdout.decode("utf-8", "replace")
        where = f"line {command.line}: $ {command.text}"
        if done.returncode not in command.codes:
            return f"{where}\nexit code {done.returncode}, the page has {command.codes}\n{text}"
        if command.output and not shows(self._here(command.output), text):
            return f"{where}\n--- the page\n{command.output}\n--- what came out\n{text}"
        return ""

    def _here(self, text: str) -> str:
        return text.replace(ANYWHERE, f"{self.root}/")


@contextmanager
def session() -> Iterator[Session]:
    """Yield a new session; its folder and the guests that `kvmc run` started go at the end."""
    # not below pytest's folder: sockets need short paths, and libvirt's QEMU is another user
    root = Path(tempfile.mkdtemp(prefix="kvmc-docs-", dir=ANYWHERE))
    root.chmod(0o755)
    try:
        for name in _COPIED:
            shutil.copytree(REPO / name, root / "kvmc" / name)
        for name in ("bin", "home", "run", "state"):
            (root / name).mkdir()
        _shim(root / "bin" / "kvmc")
        (root / "state" / "cwd").write_text(f"{root}/kvmc\n", "utf-8")
        (root / "state" / "env").write_text(_environment(root), "utf-8")
        yield Session(root=root)
    finally:
        for record in sorted(root.glob("run/kvmc/*/guest.json")):
            _end(json.loads(record.read_text("utf-8"))["pid"])
        shutil.rmtree(root)


def _environment(root: Path) -> str:
    fixed = {
        "PATH": f"{root}/bin:{os.environ['PATH']}",
        "HOME": f"{root}/home",
        "XDG_RUNTIME_DIR": f"{root}/run",
        "XDG_STATE_HOME": f"{root}/home/state",
        "KVMC_STATE": f"{root}/state",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }
    for role in ("AUTHOR", "COMMITTER"):
        fixed |= {f"GIT_{role}_NAME": "reader", f"GIT_{role}_EMAIL": "reader@example.org"}
    return "".join(f'export {name}="{value}"\n' for name, value in fixed.items())


def _shim(target: Path) -> None:
    """Write a `kvmc` that is the one under test, installed or not."""
    path = f'export PYTHONPATH="{REPO}/compiler${{PYTHONPATH:+:$PYTHONPATH}}"'
    target.write_text(f'#!/bin/sh\n{path}\nexec "{sys.executable}" -m kvmc.cli "$@"\n', "utf-8")
    target.chmod(0o755)


def _end(pid: int) -> None:
    with suppress(OSError):
        if b"qemu" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
