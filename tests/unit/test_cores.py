"""Work that is shared out gives what it gives when it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvmc import cores

if TYPE_CHECKING:
    from collections.abc import Sequence

PARENT = os.getpid()


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(cores, "_alone", lambda: True)


def _doubled(part: Sequence[int]) -> tuple[bool, list[int]]:
    return os.getpid() == PARENT, [2 * item for item in part]


@pytest.mark.parametrize("size", [8, 9, 10, 11, 100])
def test_parts_come_back_in_their_order(size: int) -> None:
    parts = cores.share_out(_doubled, range(size), 2)
    assert [item for _, part in parts for item in part] == [2 * n for n in range(size)]
    assert [here for here, _ in parts] == [True, False, False, False][: len(parts)]


def test_few_items_and_many_threads_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(cores.share_out(_doubled, range(7), 4)) == 1
    monkeypatch.setattr(cores, "_alone", lambda: False)
    assert len(cores.share_out(_doubled, range(100), 1)) == 1


def _dies_elsewhere(part: Sequence[int]) -> list[int]:
    if os.getpid() != PARENT:
        os._exit(3)
    return list(part)


def test_the_part_of_a_fork_that_died_is_done_here() -> None:
    parts = cores.share_out(_dies_elsewhere, range(10), 1)
    assert [item for part in parts for item in part] == list(range(10))


def _fails_at_nine(part: Sequence[int]) -> list[int]:
    return [1 // (9 - item) for item in part]


def _children() -> set[str]:
    """The processes that this one has started; other tests may have left a daemon."""
    return set(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())


def test_a_bug_shows_as_it_always_does_and_no_fork_is_left() -> None:
    before = _children()
    with pytest.raises(ZeroDivisionError):
        cores.share_out(_fails_at_nine, range(10), 1)
    assert _children() <= before


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
