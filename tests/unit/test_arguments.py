"""The parser of one command is that of all of them, only smaller."""

from __future__ import annotations

import argparse
import shutil

import pytest

from kvmc import arguments


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (action,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))  # noqa: SLF001
    return dict(action.choices)


ALL = _commands(arguments.parser())


@pytest.mark.parametrize("name", ALL)
def test_a_command_alone_has_the_same_help(name: str) -> None:
    alone = _commands(arguments.parser([name]))
    assert list(alone) == [name]
    assert alone[name].format_help() == ALL[name].format_help()
    assert alone[name].prog == f"kvmc {name}"


@pytest.mark.parametrize("argv", [["chekc"], [], ["--debug", "chekc"]])
def test_a_command_that_is_none_is_told_all_of_them(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        arguments.parse(argv)
    assert "COMMAND" in capsys.readouterr().err


def test_an_option_may_come_first() -> None:
    options = arguments.parse(["--debug", "check", "a.yaml"])
    assert (options.debug, options.command, options.paths) == (True, "check", ["a.yaml"])


@pytest.mark.parametrize("columns", ["60", "133", "0", "-5", "wide", ""])
def test_help_is_as_wide_as_argparse_makes_it(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert arguments._width() == shutil.get_terminal_size().columns - 2  # noqa: SLF001
