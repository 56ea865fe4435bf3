"""The bar: on a terminal only, not for short work, and gone at the end."""

from __future__ import annotations

import io
import sys
import time
from typing import TYPE_CHECKING

import pytest

from kvmc.cli import main
from kvmc.commands import terminal
from tests.unit.commands.repository import host, vm, write

if TYPE_CHECKING:
    from pathlib import Path


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _screen(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    """Return a terminal, which is stderr from now on."""
    screen = _Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    return screen


def _work(monkeypatch: pytest.MonkeyPatch, *ends: float) -> None:
    """Do a few things, each of which ends at such a second."""
    clock = iter((0.0, *ends))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with terminal.bar("planning", "hosts") as tell:
        for done in range(1, len(ends) + 1):
            tell(done, len(ends))


def test_it_comes_after_a_second_and_goes_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _screen(monkeypatch)
    _work(monkeypatch, 0.5, 1.5, 1.55, 3.0)
    half, full, end = screen.getvalue().split("\r")[1:]
    assert half == f"planning [{'#' * 15}{' ' * 15}] 2 of 4 hosts "
    assert full == f"planning [{'#' * 30}] 4 of 4 hosts "
    assert end == "\x1b[K"


def test_short_work_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _screen(monkeypatch)
    _work(monkeypatch, 0.2, 0.9)
    assert screen.getvalue() == ""


def test_an_interrupt_takes_it_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _screen(monkeypatch)
    monkeypatch.setattr(terminal, "_PATIENCE", -1.0)
    with pytest.raises(KeyboardInterrupt):
        _interrupted()
    assert screen.getvalue().endswith("1 of 3 hosts \r\x1b[K")


def _interrupted() -> None:
    with terminal.bar("planning", "hosts") as tell:
        tell(1, 3)
        raise KeyboardInterrupt


def test_no_terminal_and_a_dumb_one_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _screen(monkeypatch)
    monkeypatch.setattr(terminal, "_PATIENCE", -1.0)
    monkeypatch.setenv("TERM", "dumb")
    with terminal.bar("planning", "hosts") as tell:
        tell(1, 2)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(screen, "isatty", lambda: False)
    with terminal.bar("planning", "hosts") as tell:
        tell(1, 2)
    assert screen.getvalue() == ""


def test_a_plan_of_many_hosts_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_PATIENCE", -1.0)
    monkeypatch.setattr(terminal, "_PAUSE", 0.0)
    write(
        tmp_path, hosts__a=host("a"), hosts__b=host("b"),
        v=vm("v", 2, "host: a"), w=vm("w", 2, "host: b"),
    )  # fmt: skip
    screen = _screen(monkeypatch)
    assert main(["plan", str(tmp_path)]) == 0
    assert "] 1 of 2 hosts \rplanning [" in screen.getvalue()
    assert screen.getvalue().rpartition("\r")[2].startswith("\x1b[K")
