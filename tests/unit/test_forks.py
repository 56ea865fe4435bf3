"""Work that is shared out gives what it gives when it is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvmc import forks

if TYPE_CHECKING:
    from collections.abc import Sequence

PARENT = os.getpid()


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(forks, "_alone", lambda: True)


def _doubled(part: Sequence[int]) -> tuple[bool, list[int]]:
    return os.getpid() == PARENT, [2 * item for item in part]


@pytest.mark.parametrize("size", [8, 9, 10, 11, 100])
def test_parts_come_back_in_their_order(size: int) -> None:
    parts = forks.share_out(_doubled, range(size), 2)
    assert [item for _, part in parts for item in part] == [2 * n for n in range(size)]
    assert [here for here, _ in parts] == [True, False, False, False][: len(parts)]


def test_few_items_and_many_threads_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(forks.share_out(_doubled, range(7), 4)) == 1
    monkeypatch.setattr(forks, "_alone", lambda: False)
    assert len(forks.share_out(_doubled, range(100), 1)) == 1


def _dies_elsewhere(part: Sequence[int]) -> list[int]:
    if os.getpid() != PARENT:
        os._exit(3)
    return list(part)


def test_the_part_of_a_fork_that_died_is_done_here() -> None:
    parts = forks.share_out(_dies_elsewhere, range(10), 1)
    assert [item for part in parts for item in part] == list(range(10))


def _fails_at_nine(part: Sequence[int]) -> list[int]:
    return [1 // (9 - item) for item in part]


def _children() -> set[str]:
    """The processes that this one has started; other tests may have left a daemon."""
    return set(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())


def test_a_bug_shows_as_it_always_does_and_no_fork_is_left() -> None:
    before = _children()
    with pytest.raises(ZeroDivisionError):
        forks.share_out(_fails_at_nine, range(10), 1)
    assert _children() <= before


def _squared(item: int) -> tuple[int, int]:
    time.sleep(0.002)
    return os.getpid(), item * item


@pytest.mark.parametrize("size", [2, 3, 50])
def test_turns_come_back_in_their_order(size: int) -> None:
    told: list[int] = []
    found = forks.in_turns(_squared, range(size), 3, told.append)
    assert [square for _, square in found] == [n * n for n in range(size)]
    assert len({pid for pid, _ in found}) <= 3
    assert told == sorted(told)
    assert all(0 <= done <= size for done in told)


def _are_done(children: set[str]) -> bool:
    return all(_state(child) == "Z" for child in children)


def _state(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def test_who_is_free_takes_the_next_turn(tmp_path: Path) -> None:
    before, began = _children(), tmp_path / "began"

    def long_here(_: int) -> int:
        if os.getpid() == PARENT:
            began.touch()
        while not began.exists():
            time.sleep(0.01)
        while os.getpid() == PARENT and not _are_done(_children() - before):
            time.sleep(0.01)
        return os.getpid()

    found = forks.in_turns(long_here, range(20), 2, lambda _: None)
    assert found.count(PARENT) == 1


def test_one_worker_takes_all_turns_here_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    assert {pid for pid, _ in forks.in_turns(_squared, range(3), 1, told.append)} == {PARENT}
    assert told == [1, 2, 3]
    monkeypatch.setattr(forks, "_alone", lambda: False)
    assert {pid for pid, _ in forks.in_turns(_squared, range(3), 3, told.append)} == {PARENT}
    assert forks.in_turns(_squared, (), 3, told.append) == []


def _dies_at_its_turn(item: int) -> int:
    if os.getpid() != PARENT:
        os._exit(3)
    return item


def test_the_turns_of_a_fork_that_died_are_done_here() -> None:
    found = forks.in_turns(_dies_at_its_turn, range(10), 4, lambda _: None)
    assert found == list(range(10))


def _fails_at_its_turn(item: int) -> float:
    return 1 / (9 - item)


def test_a_bug_in_a_turn_shows_as_it_always_does_and_no_fork_is_left() -> None:
    before = _children()
    with pytest.raises(ZeroDivisionError):
        forks.in_turns(_fails_at_its_turn, range(10), 4, lambda _: None)
    assert _children() <= before


@pytest.mark.parametrize(
    "call", ["share_out(lambda part: big(), range(9), 3)", "in_turns(big, range(3), 3, print)"]
)
def test_forks_end_when_their_parent_is_killed(call: str) -> None:
    """Their results are larger than a pipe, so that they wait for somebody who reads."""
    program = (
        "import os, signal, time; from kvmc import forks; forks._workers = lambda most: 3\n"
        "parent = os.getpid()\n"
        "def big(*_):\n"
        "    if os.getpid() == parent:\n"
        "        time.sleep(0.3)\n"
        "        os.kill(parent, signal.SIGKILL)\n"
        "    return 'x' * 1_000_000\n"
        f"forks.{call}"
    )
    # their end is seen by that of stdout, which they inherit
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, timeout=20, check=False)
    assert run.returncode == -signal.SIGKILL
    assert run.stderr == b""


def test_an_interrupt_ends_the_forks_at_once() -> None:
    """They would work for ten minutes, and hold stdout open for as long."""
    program = (
        "import os, time; from kvmc import forks; forks._workers = lambda most: 3\n"
        "parent = os.getpid()\n"
        "def work(_):\n"
        "    if os.getpid() == parent:\n"
        "        raise KeyboardInterrupt\n"
        "    time.sleep(600)\n"
        "try:\n"
        "    forks.in_turns(work, range(10), 4, lambda _: None)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
        "try:\n"
        "    os.waitpid(-1, os.WNOHANG)\n"
        "except ChildProcessError:\n"
        "    print('no fork is left')\n"
    )
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (run.stdout, run.stderr) == ("interrupted\nno fork is left\n", "")


def test_a_large_repository_is_reported_alike_on_one_core_and_on_many(
    tmp_path: object,
) -> None:
    spec = "kvmc: v1\nkind: vm\nname: vm-{0}\nmemory: 1GiB\ncpu: {{count: {1}}}\n"
    for number in range(210):
        wrong = number % 30 == 0
        text = spec.format(number // 2 * 2 if wrong else number, "x" if wrong else 1)
        with open(f"{tmp_path}/v{number:03}.yaml", "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)
    code = (
        "import os; os.sched_getaffinity = lambda _: set(range({}));"
        "from kvmc.cli import main; raise SystemExit(main(['check', '.']))"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code.format(n)],
            cwd=str(tmp_path),
            capture_output=True,
            check=False,
        )
        for n in (1, 2)
    ]
    assert outputs[0].returncode == outputs[1].returncode == 1
    assert outputs[0].stderr == outputs[1].stderr
    assert outputs[0].stderr.count(b"KV213") == 7
