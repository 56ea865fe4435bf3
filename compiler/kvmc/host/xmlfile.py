"""XML from outside, parsed without entities, DTDs or the network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvmc.cpuset import MAX_CPU_ID, CpuSet, CpuSetError
from kvmc.diagnostics import Outcome, Place, error
from kvmc.source.xml import NotXmlError, mentions, read_xml

if TYPE_CHECKING:
    from lxml.etree import _Element

_NATURAL = re.compile(r"[0-9]{1,18}\Z")


def parse_xml(xml: bytes, root: str, file: str, what: str) -> Outcome[_Element]:
    """Return the root element; KV401 not XML, KV402 another document, KV403 declares entities."""
    place = Place(file=file)
    refused = error(
        "KV403",
        "the file declares XML entities, which are not read",
        place,
        hint=f"{what} needs none: write it again",
    )
    # Other encodings show what they declare once they are parsed.
    if mentions(xml, b"<!ENTITY"):
        return Outcome(None, (refused,))
    try:
        element = read_xml(xml)
    except NotXmlError as problem:
        return Outcome(None, (error("KV401", f"not well-formed XML: {problem}", place),))
    declared = element.getroottree().docinfo.internalDTD
    # lxml-stubs do not know the method
    if declared is not None and next(declared.iterentities(), None) is not None:  # type: ignore[attr-defined]
        return Outcome(None, (refused,))
    if element.tag != root:
        return Outcome(
            None,
            (
                error(
                    "KV402",
                    f"the root element is <{element.tag}>, not <{root}>",
                    place,
                    hint=f"this reader wants {what}",
                ),
            ),
        )
    return Outcome(element)


class XmlReader:
    """Reads attributes of untrusted elements, and remembers which held no valid value."""

    def __init__(self) -> None:
        self.bad: list[str] = []

    def natural(self, element: _Element, name: str, limit: int = 10**17) -> int | None:
        """Return an attribute as a number from 0 to the limit; None when missing or invalid."""
        text = element.get(name)
        if text is None:
            return None
        if not _NATURAL.match(text.strip()) or int(text) > limit:
            # -1 and the unsigned form of it are how libvirt and hwloc write "unknown".
            if text.strip() not in ("-1", "4294967295"):
                self.bad.append(f"{element.tag} {name}={text[:40]!r}")
            return None
        return int(text)

    def id(self, element: _Element, name: str) -> int | None:
        """Return an attribute as the id of a CPU or node, which has an upper bound."""
        return self.natural(element, name, MAX_CPU_ID)

    def cpus(self, element: _Element, name: str, *, mask: bool) -> CpuSet | None:
        """Return an attribute as a set of CPUs; None when missing or invalid."""
        text = element.get(name)
        if text is None:
            return None
        try:
            return CpuSet.parse_mask(text) if mask else CpuSet.parse(text)
        except CpuSetError:
            self.bad.append(f"{element.tag} {name}={text[:40]!r}")
            return None
