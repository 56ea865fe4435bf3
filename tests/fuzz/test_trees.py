"""Trees that the schema lets pass, and fleets on hosts, through every command that reads them."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import trees
from tests.fuzz.test_yaml import COMMANDS, go


def as_yaml(files: trees.Files) -> dict[str, bytes]:
    return {
        name: yaml.safe_dump(data, allow_unicode=True, sort_keys=False).encode()
        for name, data in files.items()
    }


@settings(max_examples=40)
@given(trees.wild(), st.sampled_from(COMMANDS))
def test_trees_from_the_schema(files: trees.Files, command: tuple[str, ...]) -> None:
    go(as_yaml(files), command)


@settings(max_examples=40)
@given(trees.fleet(), st.sampled_from(COMMANDS))
def test_fleets(files: trees.Files, command: tuple[str, ...]) -> None:
    go(as_yaml(files), command)


@pytest.mark.slow
@settings(max_examples=5_000, suppress_health_check=list(HealthCheck))
@given(trees.wild() | trees.fleet(), st.sampled_from(COMMANDS))
def test_many_trees(files: trees.Files, command: tuple[str, ...]) -> None:
    go(as_yaml(files), command)
