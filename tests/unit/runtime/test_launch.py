from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from kvmc.runtime import process
from kvmc.runtime.launch import STOPPING, forward_signals, start
from kvmc.runtime.orders import orders_of
from tests.support.jobs import job, vm

if TYPE_CHECKING:
    from pathlib import Path

    from kvmc.runtime.launch import Started


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


def test_a_hangup_that_is_ignored_does_not_reach_qemu() -> None:
    sent: list[int] = []

    class Qemu:
        def send_signal(self, number: int) -> None:
            sent.append(number)

    before = {number: signal.getsignal(number) for number in STOPPING}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        forward_signals(cast("Started", SimpleNamespace(process=Qemu())))
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert sent == [signal.SIGTERM]
