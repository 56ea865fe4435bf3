"""Captured machines, drawn whole: every CPU once in the SVG, the page and the terminal map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lxml import etree

from kvmc.host.hwloc import read_hwloc
from kvmc.report.hostmap import draw
from kvmc.report.picture.compose import compose
from kvmc.report.picture.page import to_html
from kvmc.report.picture.svg import to_svg
from kvmc.report.style import Style
from tests.support.paths import SHARED, needs_shared

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_shared

FILES = sorted(SHARED.glob("hosts/*/hwloc.xml")) if SHARED else []


@pytest.mark.parametrize("file", FILES, ids=[file.parent.name for file in FILES])
def test_every_machine_can_be_drawn(file: Path) -> None:
    host = read_hwloc(file.read_bytes(), file.parent.name, str(file)).value
    assert host is not None
    there = [*host.online, *host.offline]
    picture = compose(host, None, {})
    assert [cpu.id for cpu in picture.cpus] == sorted(there)
    root = etree.fromstring(to_svg((picture,)).encode())
    texts = root.iter("{http://www.w3.org/2000/svg}text")
    assert sum((text.get("class") or "").startswith("n ") for text in texts) == len(there)
    assert to_html((picture,)).count(' data-cpu="') == len(there)
    drawn = [line.split() for line in draw(host, None, Style(False), 100).splitlines()]
    shown = [int(word) for row in drawn for word in row if word.isdigit() and "." in row]
    assert set(host.online) <= set(shown)
