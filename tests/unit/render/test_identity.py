"""A UUID is that of the domain itself, wherever else one may stand."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kvmc.render.identity import shared_uuids
from tests.support.jobs import vm

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"
OTHER = "00000000-0000-0000-0000-000000000001"


def _codes(one: str, other: str) -> list[str]:
    built = [
        (None, replace(vm(), name=name), f"<domain>{inside}</domain>".encode())
        for name, inside in (("a", one), ("b", other))
    ]
    return [d.code for d in shared_uuids(built)]


@pytest.mark.parametrize(
    "other",
    [
        f"<uuid>{UUID}</uuid>",
        f"<uuid>\n {UUID.replace('-', '').upper()} </uuid>",
        f"<!-- <uuid>{OTHER}</uuid> --><uuid >{UUID}</uuid>",
        f"<metadata><uuid>{OTHER}</uuid></metadata><uuid>{UUID}</uuid>",
    ],
)
def test_two_bases_of_one_uuid(other: str) -> None:
    assert _codes(f"<uuid>{UUID}</uuid>", other) == ["KV609"]


@pytest.mark.parametrize(
    "base",
    [
        f"<!-- <uuid>{UUID}</uuid> -->",
        f"<metadata><uuid>{UUID}</uuid></metadata>",
        "<uuid></uuid>",
        f"<uuid>{UUID}",
        "",
    ],
)
def test_a_uuid_that_is_not_the_domains_is_nobodys(base: str) -> None:
    assert _codes(base, base) == []
