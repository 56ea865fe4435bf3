"""A rule that fails: the only way to see what a bug in kvmc looks like."""

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import pytest


def patch(monkeypatch: "pytest.MonkeyPatch") -> None:
    def broken(*_: object) -> NoReturn:
        raise RuntimeError("a rule that fails")

    monkeypatch.setattr("kvmc.intake.check", broken)
