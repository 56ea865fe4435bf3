"""A domain XML is read with the place of every element, and nothing dangerous is read at all."""

from __future__ import annotations

import pytest

from kvmc.render.xmltree import MAX_BYTES, MAX_DEPTH, Element, parse


def read(data: bytes) -> Element:
    outcome = parse(data, "base.xml", None)
    assert outcome.value is not None, outcome.diagnostics
    return outcome.value


@pytest.mark.parametrize(
    ("data", "element", "content"),
    [
        (b"<?xml version='1.0'?>\n<a> t </a>\n", b"<a> t </a>", b" t "),
        (b"\xef\xbb\xbf<a x='>' y=\"/>\"/>", b"<a x='>' y=\"/>\"/>", b""),
        (b"<!-- <a> --><a\n x='&gt;' ></a\n>", b"<a\n x='&gt;' ></a\n>", b""),
        ("<a>\u00e4<![CDATA[</a>]]></a>".encode(), "<a>\u00e4<![CDATA[</a>]]></a>".encode(),
         "\u00e4<![CDATA[</a>]]>".encode()),
    ],
)  # fmt: skip
def test_spans_are_byte_offsets(data: bytes, element: bytes, content: bytes) -> None:
    root = read(data)
    assert data[root.start : root.end] == element
    assert data[root.inner : root.close] == content


def test_children_attributes_and_text_are_kept_in_order() -> None:
    root = read(b"<a z='1' b='&lt;'> x <b/>y<c>1</c><b i='2'/></a>")
    assert root.attributes == (("z", "1"), ("b", "<"))
    assert root.text == "x y"
    assert [child.tag for child in root.children] == ["b", "c", "b"]
    assert [child.get("i") for child in root.all("b")] == [None, "2"]


BOMB = b"<!DOCTYPE a [<!ENTITY x 'xxxxxxxxxx'><!ENTITY y '&x;&x;&x;'>]><a>&y;</a>"


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (b"", "KV601", "no element found, line 1, column 1"),
        (b"<a>\n<b></a>", "KV601", "mismatched tag, line 2, column 6"),
        (b"<a/><a/>", "KV601", "junk after document element, line 1, column 5"),
        (b"<a>&nbsp;</a>", "KV601", "undefined entity, line 1, column 4"),
        (b"<a>\xe4</a>", "KV601", "base.xml is not UTF-8: byte 3 is 0xe4"),
        ("<a/>".encode("utf-16"), "KV601", "base.xml is not UTF-8: byte 0 is 0xff"),
        ("<a/>".encode("utf-16-le"), "KV601", "holds NUL characters"),
        (b"<?xml version='1.0' encoding='latin1'?><a/>", "KV601", "is declared as latin1"),
        (b"<a>" * (MAX_DEPTH + 1), "KV601", f"is nested deeper than {MAX_DEPTH}"),
        (b"<a>" + b" " * MAX_BYTES + b"</a>", "KV601", f"more than {MAX_BYTES}"),
        (BOMB, "KV603", "base.xml declares a document type"),
        (b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "KV603", "declares a document type"),
    ],
)
def test_what_is_not_read_is_named(data: bytes, code: str, message: str) -> None:
    outcome = parse(data, "base.xml", None)
    assert outcome.value is None
    assert [d.code for d in outcome.diagnostics] == [code]
    assert message in outcome.diagnostics[0].message
