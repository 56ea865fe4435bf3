"""Laws of diagnostic codes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from kvmc.codes import CODES, SERIES
from tests.support.paths import REPO

if TYPE_CHECKING:
    from kvmc.codes import Code

PACKAGE = REPO / "compiler" / "kvmc"


def _used_codes() -> set[str]:
    """Return every code that a stage names in its source."""
    sources = (p for p in PACKAGE.rglob("*.py") if PACKAGE / "codes" not in p.parents)
    return {code for p in sources for code in re.findall(r'"(KV\d+)"', p.read_text("utf-8"))}


def test_no_code_is_given_twice() -> None:
    given = [code.code for series in SERIES for code in series]
    assert len(given) == len(set(given)) == len(CODES)


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series[0].code if series else "none")
def test_a_series_is_in_order(series: tuple[Code, ...]) -> None:
    codes = [code.code for code in series]
    assert codes == sorted(codes)
    assert all(re.fullmatch(r"KV[1-9]\d\d", code) for code in codes)


def test_every_code_that_a_stage_uses_is_explained() -> None:
    assert not sorted(_used_codes() - set(CODES))


def test_every_code_that_is_explained_is_used() -> None:
    assert not sorted(set(CODES) - _used_codes())


@pytest.mark.parametrize("code", CODES.values(), ids=list(CODES))
def test_a_code_has_a_title_and_a_paragraph(code: Code) -> None:
    assert code.title.strip() == code.title != ""
    assert not code.title.endswith(".")
    assert code.text.strip() == code.text
    assert code.text.endswith((".", "`", ".)"))
    assert len(code.text) > len(code.title)
