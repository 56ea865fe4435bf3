"""The picture in docs/map.md is what kvmc draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.cli import main
from tests.support.paths import REPO

if TYPE_CHECKING:
    import pytest


def test_the_picture_in_the_docs_is_not_stale(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPO)
    assert main(["map", "--svg", "-", "examples/realtime"]) == 0
    drawn = (REPO / "docs" / "map.svg").read_text("utf-8")
    assert capsys.readouterr().out == drawn, "kvmc map --svg docs/map.svg examples/realtime"
