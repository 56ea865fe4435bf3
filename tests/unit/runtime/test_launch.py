from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from kvmc.runtime import process
from kvmc.runtime.launch import start
from kvmc.runtime.orders import orders_of
from tests.support.jobs import job, vm

if TYPE_CHECKING:
    from pathlib import Path


def test_a_signal_before_popen_returns_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def spawn(_name: str, command: list[str], _log: Path) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(command))
        os.kill(os.getpid(), signal.SIGTERM)
        return started[0]

    monkeypatch.setattr(process, "spawn", spawn)
    folder = tmp_path / "web"
    folder.mkdir()
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(KeyboardInterrupt):
        start(orders_of(job(vm())), sleep, folder, strict=False, seconds=5)
    assert started[0].poll() is not None
    assert not folder.exists()
