"""`kvmc schema plan` describes what `kvmc plan --format json` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft7Validator

from kvmc.cli import main
from kvmc.resources import schema_text
from tests.support.paths import REPO

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads(schema_text("plan"))
EXAMPLES = sorted(path for path in (REPO / "examples").iterdir() if path.is_dir())


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_prints_what_the_schema_says(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["plan", "--format", "json", str(example)])
    printed = json.loads(capsys.readouterr().out)
    assert list(Draft7Validator(SCHEMA).iter_errors(printed)) == []


def test_a_plan_with_a_field_too_many_is_refused() -> None:
    plan = {"kvmc": "v1", "kind": "plan", "hosts": [], "diagnostics": [], "clock": 1}
    assert list(Draft7Validator(SCHEMA).iter_errors(plan))
