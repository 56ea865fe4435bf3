"""Enter or a word from another shell keeps a trial; everything else ends it. One lock a host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from kvmc.apply import lockfile, trial
from kvmc.apply.interrupt import endable, stoppable, unstoppable
from kvmc.apply.lockfile import BusyError
from kvmc.apply.trial import Verdict

if TYPE_CHECKING:
    from pathlib import Path


def _ignore(_: object) -> None:
    return


def test_time_ends_a_trial(tmp_path: Path) -> None:
    ticks: list[int] = []
    assert trial.wait(0.5, tmp_path, None, ticks.append) is Verdict.EXPIRED
    assert ticks == [0]


def test_a_word_from_another_shell_keeps_it(tmp_path: Path) -> None:
    timer = threading.Timer(0.3, trial.confirm, [tmp_path])
    timer.start()
    assert trial.wait(30, tmp_path, None, _ignore) is Verdict.CONFIRMED
    timer.join()


def test_an_older_word_keeps_nothing(tmp_path: Path) -> None:
    trial.confirm(tmp_path)
    trial.forget(tmp_path)
    assert trial.wait(0.1, tmp_path, None, _ignore) is Verdict.EXPIRED


@pytest.mark.parametrize(("typed", "verdict"), [(b"\n", Verdict.CONFIRMED), (b"", Verdict.EXPIRED)])
def test_enter_keeps_it_and_a_closed_terminal_does_not(
    typed: bytes, verdict: Verdict, tmp_path: Path
) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, typed)
    os.close(theirs)
    with os.fdopen(ours) as terminal:
        assert trial.wait(0.3, tmp_path, terminal, _ignore) is verdict


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    def press(_: int) -> None:
        raise KeyboardInterrupt

    assert trial.wait(30, tmp_path, None, press) is Verdict.INTERRUPTED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_to_go_back_and_does_not_stop_the_way_back(number: signal.Signals) -> None:
    heard = signal.signal(number, signal.SIG_DFL)
    before = signal.getsignal(number)
    with stoppable():
        with pytest.raises(KeyboardInterrupt, match=number.name):
            os.kill(os.getpid(), number)
        with unstoppable():
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(number) is before
    signal.signal(number, heard)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_is_ignored_asks_for_nothing(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with stoppable():
            os.kill(os.getpid(), number)
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_ctrl_c_ends_what_only_asks_and_is_heard_by_an_apply() -> None:
    code = (
        "import os, signal; from kvmc.apply.interrupt import endable, stoppable\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with stoppable():\n"
        "  try:\n"
        "    with endable(): os.kill(os.getpid(), signal.SIGINT)\n"
        "  except KeyboardInterrupt: print('heard', flush=True)\n"
        "with endable(): os.kill(os.getpid(), signal.SIGINT)\n"
        "print('not reached')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "heard\n")


def test_other_threads_leave_signals_alone() -> None:
    thread = threading.Thread(target=endable().__enter__)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_DFL


def test_the_second_waits_and_is_told_for_whom(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    first = lockfile.acquire(file, 0, _ignore)
    told: list[str] = []
    with pytest.raises(BusyError, match=f"kvmc apply, process {os.getpid()}"):
        lockfile.acquire(file, 0.3, told.append)
    assert told == [f"kvmc apply, process {os.getpid()}"]
    assert lockfile.is_held(file) is not None
    first.release()
    assert lockfile.is_held(file) is None
    lockfile.acquire(file, 0, _ignore).release()


def test_a_lock_goes_with_its_process(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    code = (
        "import sys, time; from pathlib import Path; from kvmc.apply.lockfile import acquire; "
        "lock = acquire(Path(sys.argv[1]), 0, print); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    assert lockfile.is_held(file) == f"kvmc apply, process {holder.pid}"
    holder.kill()
    holder.wait(10)
    lockfile.acquire(file, 5, _ignore).release()


def test_no_lock_file_is_no_holder(tmp_path: Path) -> None:
    assert lockfile.is_held(tmp_path / "lock") is None
