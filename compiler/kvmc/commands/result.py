"""What a command gives back to the command line, and what it is told about the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from kvmc.report.style import Style, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kvmc.diagnostics import Diagnostic


class Failure(Exception):  # noqa: N818 (it ends a command, it is no bug)
    """Ends a command with an exit code and a sentence: 2 for usage, 4 for the machine."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(printable(text))
        self.code = code


class View(NamedTuple):
    """How stdout looks."""

    style: Style = Style()

    @property
    def width(self) -> int:
        """Columns; 100 where it is no terminal and COLUMNS is not set."""
        import shutil

        return shutil.get_terminal_size((100, 24)).columns

    @property
    def room(self) -> int | None:
        """Columns that tables are folded to; None where it is no terminal."""
        import sys

        return self.width if sys.stdout is not None and sys.stdout.isatty() else None


class Result(Struct, frozen=True, kw_only=True):
    """The outcome of a command; diagnostics are located and sorted."""

    diagnostics: tuple[Diagnostic, ...] = ()
    lines: Mapping[str, Sequence[str]] = {}
    """File -> its lines, for carets."""
    output: str = ""
    """For stdout, with --format text."""
    document: Mapping[str, Any] | None = None
    """For stdout, with --format json; the diagnostics are added to it."""
    said: str = ""
    """For stderr, after the diagnostics."""
    status: int | None = None
    """The exit code, where it is not for the diagnostics to say."""
    then: Callable[[], Result] | None = None
    """What is left to do once this was printed; its result is printed too and decides."""
    differs: bool = False
    """Whether what is there is not what was asked: exit code 3, unless there is an error."""
    machine_failed: bool = False
    """Whether the hypervisor or the machine failed: exit code 4, whatever else is said."""
