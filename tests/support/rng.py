"""libvirt's RelaxNG for domain XML, where shared/ has it."""

from __future__ import annotations

from functools import cache

import pytest
from lxml import etree

from tests.support.paths import SHARED

_GRAMMAR = SHARED / "libvirt-rng" / "domain.rng" if SHARED else None

needs_rng = pytest.mark.skipif(
    _GRAMMAR is None or not _GRAMMAR.is_file(), reason="shared/libvirt-rng/domain.rng is absent"
)


def rng_problems(xml: str) -> str:
    """Return what libvirt 9.0's grammar has against a domain XML; "" where it is valid.

    The grammar knows shapes, not sense, and its messages mostly name the root element only.
    """
    grammar = _grammar()
    valid = grammar.validate(etree.fromstring(xml.encode(), _parser()))
    return "" if valid else str(grammar.error_log) or "invalid"


@cache
def _grammar() -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(str(_GRAMMAR)))


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
