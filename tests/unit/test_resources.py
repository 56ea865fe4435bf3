"""The package finds its data files, and only those."""

from __future__ import annotations

import json

import pytest

from kvmc.resources import schema_text, template_text
from tests.support.paths import REPO


@pytest.mark.parametrize("kind", ["vm", "host"])
def test_a_schema_is_the_file_of_schemas(kind: str) -> None:
    assert schema_text(kind) == (REPO / "schemas" / f"{kind}.json").read_text("utf-8")
    assert json.loads(schema_text(kind))["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_a_template_is_the_file_of_templates() -> None:
    paths = sorted((REPO / "templates").rglob("*.j2"))
    assert paths
    for path in paths:
        name = path.relative_to(REPO / "templates").as_posix()
        assert template_text(name) == path.read_text("utf-8")


@pytest.mark.parametrize("name", ["", "nothing", "vm.json", "../kvmc/schemas/nothing"])
def test_what_is_no_schema_is_a_key_error(name: str) -> None:
    with pytest.raises(KeyError):
        schema_text(name)


@pytest.mark.parametrize("name", ["", "libvirt", "libvirt/nothing.xml.j2"])
def test_what_is_no_template_is_a_key_error(name: str) -> None:
    with pytest.raises(KeyError):
        template_text(name)
