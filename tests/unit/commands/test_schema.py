"""`kvmc schema KIND` and `kvmc explain CODE`."""

from __future__ import annotations

import json

import pytest

from kvmc.codes import CODES
from tests.support.console import kvmc
from tests.support.paths import REPO


@pytest.mark.parametrize("kind", ["vm", "host"])
def test_a_schema_is_printed_byte_by_byte(kind: str) -> None:
    ran = kvmc("schema", kind)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (REPO / "schemas" / f"{kind}.json").read_text("utf-8")
    assert json.loads(ran.out)["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_on_stdout(code: str) -> None:
    ran = kvmc("explain", code)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"{code}: {CODES[code].title}\n\n")
    body = ran.out.split("\n\n", 1)[1]
    assert " ".join(body.split()) == " ".join(CODES[code].text.split())
    assert max(map(len, ran.out.splitlines())) <= 100


def test_a_code_may_be_typed_in_small_letters() -> None:
    assert kvmc("explain", "kv501").out == kvmc("explain", "KV501").out


def test_a_code_that_is_not_there_is_usage_and_names_the_nearest() -> None:
    ran = kvmc("explain", "KV510x")
    assert (ran.code, ran.out) == (2, "")
    assert "did you mean KV510?" in ran.err
