"""Every folder with a `cmd` below tests/golden and examples prints what its expected.txt holds."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from kvmc.codes import CODES
from tests.support.golden import cases, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.golden import Case

CASES = cases()


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder with a short name: tmp_path is too long for a socket's path under xdist."""
    with TemporaryDirectory(prefix="kv") as folder:
        yield Path(folder)


def _expected(case: Case) -> str:
    return case.expected.read_text("utf-8") if case.expected.is_file() else ""


def _shown_codes(case: Case) -> set[str]:
    """Return the codes of the diagnostics in a case's expected output."""
    return set(re.findall(r"\[(KV\d+)\]", _expected(case)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_command_prints_what_it_printed_before(
    case: Case, update_golden: bool, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert case.commands, f"{case.name}/cmd holds no command"
    actual = run(case, short_path, monkeypatch)
    if update_golden:
        case.expected.write_text(actual, "utf-8")
    elif not case.expected.is_file():
        pytest.fail(f"{case.name} has no expected.txt; `make golden` writes it")
    assert actual == case.expected.read_text("utf-8")


def test_every_code_has_a_golden_that_shows_it() -> None:
    shown = set().union(*map(_shown_codes, CASES))
    missing = sorted(set(CODES) - shown)
    assert not missing, f"no expected.txt shows {', '.join(missing)}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_golden_shows_a_code_that_explain_does_not_know(case: Case) -> None:
    assert not _shown_codes(case) - set(CODES)


def test_no_golden_shows_a_traceback() -> None:
    assert not [case.name for case in CASES if "Traceback" in _expected(case)]
