"""A libvirt domain XML to an element tree, and its values to numbers and CPU sets.

The parser is hardened: no document type (so no entities), no network, no huge trees. What cannot
be read is collected, so that one run names all of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from kvmc.cpuset import CpuSet, CpuSetError
from kvmc.diagnostics import Outcome, Place, error
from kvmc.source.xml import NotXmlError, mentions, read_xml

if TYPE_CHECKING:
    from lxml.etree import _Element

    from kvmc.diagnostics import Diagnostic

Word = TypeVar("Word", bound=str)

MAX_BYTES = 4 * 1024 * 1024
"""As contract section 1 has it for YAML."""

_UNIT = re.compile(r"(?:b|bytes?|([kmgtpe])(b|ib)?)\Z", re.IGNORECASE)
_NATURAL = re.compile(r"[0-9]{1,15}\Z")
_INTEGER = re.compile(r"-?[0-9]{1,18}\Z")


def parse_domain(xml: bytes, file: str) -> Outcome[_Element]:
    """Return <domain>; KV640 where it is no XML kvmc reads, KV641 another root, KV642 a DTD."""
    place = Place(file=file)
    if len(xml) > MAX_BYTES:
        message = f"the file has more than {MAX_BYTES} bytes: no domain XML"
        return Outcome(None, (error("KV640", message, place),))
    try:
        root = None if mentions(xml, b"<!DOCTYPE", b"<!ENTITY") else read_xml(xml)
    except NotXmlError as problem:
        # libxml2 ends with a name and a line of its own, which are said twice then.
        reason = str(problem).partition(" (<")[0]
        return Outcome(None, (error("KV640", f"not well-formed XML: {reason}", place),))
    if root is None or root.getroottree().docinfo.internalDTD is not None:
        hint = "remove the <!DOCTYPE ...>"
        message = "the file declares a document type, which is not read"
        return Outcome(None, (error("KV642", message, place, hint=hint),))
    if root.tag != "domain":
        hint = "take the output of `virsh dumpxml --inactive NAME`"
        message = f"the root element is <{root.tag}>, not <domain>"
        return Outcome(None, (error("KV641", message, place, hint=hint),))
    return Outcome(root)


class Reader:
    """Reads values of untrusted elements, and remembers which held none that can be used."""

    def __init__(self, file: str) -> None:
        self.found: list[Diagnostic] = []
        self._place = Place(file=file)

    def wrong(self, what: str, text: str | None) -> None:
        """Remember a value that cannot be read; `text` None where it is missing."""
        got = "is missing" if text is None else f"is {text[:40]!r}"
        hint = "libvirt would not take it either; take the output of `virsh dumpxml --inactive`"
        self.found.append(error("KV643", f"{what} {got}", self._place, hint=hint))

    def natural(self, what: str, text: str | None) -> int | None:
        """Return a number from 0 on; None where there is none."""
        if text is None:
            return None
        if not _NATURAL.match(text.strip()):
            self.wrong(what, text)
            return None
        return int(text)

    def integer(self, what: str, text: str | None) -> int | None:
        """Return a number that may be negative; None where there is none."""
        if text is None:
            return None
        if not _INTEGER.match(text.strip()):
            self.wrong(what, text)
            return None
        return int(text)

    def cpus(self, what: str, text: str | None) -> CpuSet | None:
        """Return a set of CPUs, vCPUs or nodes; None where there is none."""
        if text is None:
            return None
        try:
            found = CpuSet.parse(text)
        except CpuSetError:
            self.wrong(what, text)
            return None
        if not found:
            self.wrong(what, text)
        return found or None

    def kib(self, what: str, text: str | None, unit: str | None) -> int | None:
        """Return a size in KiB, rounded up, with libvirt's units (virScaleInteger); default KiB."""
        number = self.natural(what, text)
        match = _UNIT.match(unit or "KiB")
        if number is None or match is None:
            if match is None:
                self.wrong(f"the unit of {what}", unit)
            return None
        letter, kind = (match[1] or "").lower(), (match[2] or "ib").lower()
        power = "kmgtpe".index(letter) + 1 if letter else 0
        factor: int = (1024 if kind == "ib" else 1000) ** power
        return -(-number * factor // 1024)

    def word(self, what: str, text: str | None, words: tuple[Word, ...]) -> Word | None:
        """Return one of the words libvirt knows; None where there is none."""
        if text is None:
            return None
        if text not in words:
            self.wrong(what, text)
        return next((word for word in words if word == text), None)

    def switch(self, what: str, text: str | None) -> bool | None:
        """Return on or yes as True, off or no as False; None where there is none."""
        found = self.word(what, text, ("on", "off", "yes", "no"))
        return None if found is None else found in ("on", "yes")


def text_of(root: _Element, path: str) -> str | None:
    """Return the text of the first element at a path, without white space around it, or None."""
    found = root.find(path)
    return None if found is None else (found.text or "").strip()


def attribute(root: _Element, path: str, name: str) -> str | None:
    """Return an attribute of the first element at a path, or None."""
    found = root.find(path)
    return None if found is None else found.get(name)
