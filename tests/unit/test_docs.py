"""docs/reference says what the schemas and the codes say."""

from __future__ import annotations

import json
import runpy
from typing import TYPE_CHECKING, Any

import pytest

from kvmc.codes import CODES
from kvmc.resources import schema_text
from tests.support.paths import REPO

if TYPE_CHECKING:
    from collections.abc import Iterator

GENERATE = runpy.run_path(str(REPO / "docs" / "generate.py"))


def _property_names(schema: object) -> Iterator[str]:
    """Yield the name of every field in a schema, at any depth."""
    children = schema if isinstance(schema, list) else []
    if isinstance(schema, dict):
        children = list(schema.values())
        properties: dict[str, Any] = schema.get("properties", {})
        yield from (name for name, field in properties.items() if "description" in field)
    for child in children:
        yield from _property_names(child)


def test_the_reference_is_not_stale(capsys: pytest.CaptureFixture[str]) -> None:
    code = GENERATE["main"](["--check"])
    assert (code, capsys.readouterr().err) == (0, "")


@pytest.mark.parametrize("kind", ["vm", "host"])
def test_every_field_of_a_schema_is_in_its_page(kind: str) -> None:
    page = GENERATE["fields_page"](kind)
    names = set(_property_names(json.loads(schema_text(kind))))
    assert "name" in names
    assert not [n for n in sorted(names) if f"`{n}`" not in page and f".{n}`" not in page]


def test_every_code_is_in_the_page_of_codes() -> None:
    page = GENERATE["codes_page"]()
    assert not [code for code in CODES if f"### {code}: " not in page]
