"""XML from outside, parsed without entities, document types, the network or huge trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element


class NotXmlError(ValueError):
    """The bytes are no XML; the text is the parser's reason."""


def read_xml(xml: bytes) -> _Element:
    """Return the root element, without comments and processing instructions; raises NotXmlError.

    Nothing that the document declares is looked at: see `mentions` and the tree's internalDTD.
    """
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(xml, parser)
    except (etree.XMLSyntaxError, ValueError) as problem:
        # A syntax error's own text ends with the name of the file, and there is none.
        text = str(getattr(problem, "msg", None) or problem)
        raise NotXmlError((text.splitlines() or ["the file is empty"])[0][:200]) from None


def mentions(xml: bytes, *declarations: bytes) -> bool:
    """Whether one may be there (`<!ENTITY`, say), in any encoding that has ASCII's characters.

    A comment that has one counts too: that does no harm, and reading it safely might.
    """
    plain = xml.replace(b"\0", b"")
    return any(declaration in plain for declaration in declarations)
