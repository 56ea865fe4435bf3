"""docs/ci.md: what it tells people to write is what kvmc and its hooks understand."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kvmc.arguments import parser
from tests.support.paths import REPO

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (REPO / "docs" / "ci.md").read_text("utf-8")
BLOCKS: list[Any] = [
    yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
]


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for child in value.values():
            yield from _words(child)
    elif isinstance(value, list):
        for child in value:
            yield from _words(child)
    elif isinstance(value, str):
        yield value


COMMANDS = sorted({w.split(">")[0] for b in BLOCKS for w in _words(b) if w.startswith("kvmc ")})


def test_the_page_has_its_blocks() -> None:
    assert len(BLOCKS) == 5
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "kvmc code scanning"])
def test_every_command_is_one(command: str) -> None:
    words = shlex.split(command)[1:]
    assert parser().parse_args(words).command == words[0]


def test_the_hooks_are_those_of_the_manifest() -> None:
    manifest = yaml.safe_load((REPO / ".pre-commit-hooks.yaml").read_text("utf-8"))
    ids = [hook["id"] for hook in manifest]
    assert ids == ["kvmc-check", "kvmc-locked"]
    assert [hook["id"] for hook in BLOCKS[0]["repos"][0]["hooks"]] == ids


def test_the_local_hooks_are_those_that_init_writes() -> None:
    from kvmc.commands.starter import other_files

    assert yaml.safe_load(other_files()[".pre-commit-config.yaml"]) == BLOCKS[1]
