"""The table of syntax troubles: pieces of PyYAML's messages, and kvmc's words for them.

The pieces are those of libyaml 0.2.5 and of PyYAML 6's own scanner and parser; the first rule that
applies counts. What no rule knows is shown as the parser says it.
"""

from __future__ import annotations

from msgspec import Struct


class Rule(Struct, frozen=True, kw_only=True):
    """The words for one trouble; `{found}` and `{line}` (where it opened) are filled in."""

    pieces: tuple[str, ...]
    message: str
    hint: str
    context: str = ""
    """A piece of the context that must be there too."""
    found: str = ""
    """What must stand there, as a message shows it; "" for anything."""
    at_end: bool = False
    """Only where nothing but blanks follow."""
    opened: bool = False
    """Point to where what is broken begins."""


_ALIGN = "indent all keys and items of one block alike; quote a value that holds ': ' or quotes"
_QUOTE = "put the value in quotes"

RULES: tuple[Rule, ...] = (
    Rule(
        pieces=("tab character", "character '\\t'"),
        message="a tab cannot indent in YAML",
        hint="use spaces",
    ),
    Rule(
        pieces=("cannot start any token",),
        message="a value cannot start with {found}",
        hint=_QUOTE,
    ),
    Rule(
        pieces=("found unexpected end of stream",),
        at_end=True,
        opened=True,
        message="the quote that opens here is never closed",
        hint="close it",
    ),
    Rule(
        pieces=("found unexpected document",),
        message="the quote opened on line {line} is still open at this document marker",
        hint="close it",
    ),
    Rule(
        pieces=("',' or ']'",),
        at_end=True,
        opened=True,
        message="the '[' that opens here is never closed",
        hint="add the ']'",
    ),
    Rule(
        pieces=("',' or '}'",),
        at_end=True,
        opened=True,
        message="the '{{' that opens here is never closed",
        hint="add the '}'",
    ),
    Rule(
        pieces=("',' or ']'",),
        message="expected ',' or ']' before {found}, in the list opened on line {line}",
        hint="close the list, or quote a value with special characters",
    ),
    Rule(
        pieces=("',' or '}'",),
        message="expected ',' or '}}' before {found}, in the mapping opened on line {line}",
        hint="close the mapping, or quote a value with special characters",
    ),
    Rule(
        pieces=("mapping values are not allowed",),
        message="a ':' cannot stand here",
        hint="is this line indented too far, or does a value hold ': '? then quote it",
    ),
    Rule(
        pieces=("could not find expected ':'",),
        opened=True,
        message="expected `key: value`, found no ':'",
        hint="add the ':', or quote the text",
    ),
    Rule(
        pieces=("expected key", "expected <block end>", "expected node", "expected the node"),
        found="':'",
        message="no key stands before this ':'",
        hint="write `key: value`, or quote a text that starts with ':'",
    ),
    Rule(
        pieces=("did not find expected key", "expected <block end>"),
        context="block mapping",
        message="{found} does not continue the mapping that begins on line {line}",
        hint=_ALIGN,
    ),
    Rule(
        pieces=("expected '-' indicator", "expected <block end>"),
        message="{found} does not continue the list that begins on line {line}",
        hint=_ALIGN,
    ),
    Rule(
        pieces=("expected node content", "expected the node content"),
        context="flow",
        at_end=True,
        message="a '[' or '{{' is still open at the end of the file",
        hint="close it",
    ),
    Rule(
        pieces=("expected node content", "expected the node content"),
        message="expected a value before {found}",
        hint="add the value, or quote the text",
    ),
    Rule(
        pieces=("sequence entries are not allowed",),
        message="a list item cannot start here",
        hint="begin the list on a line of its own",
    ),
    Rule(
        pieces=("mapping keys are not allowed",),
        message="a '?' cannot start a value here",
        hint=_QUOTE,
    ),
    Rule(
        pieces=("escape", "expected hexdecimal number"),
        message="not an escape that YAML knows",
        hint="write \\\\ for a backslash, or use single quotes",
    ),
    Rule(
        pieces=("expected alphabetic or numeric character",),
        message="expected a name after '&' or '*'",
        hint="quote a value that starts with & or *",
    ),
    Rule(
        pieces=("undefined tag handle",),
        message="the tag here is not known",
        hint="drop it; quote a value that starts with '!'",
    ),
    Rule(
        pieces=("expected tag URI", "expected URI", "the expected '>'", "expected '>'"),
        message="not a tag",
        hint="quote a value that starts with '!'",
    ),
    Rule(
        pieces=("document start>",),
        message="expected '---' between two documents",
        hint="add it, or check the indentation",
    ),
    Rule(
        pieces=("incompatible YAML document",),
        message="not a YAML version that kvmc reads",
        hint="drop the %YAML line",
    ),
    Rule(
        pieces=("directive",),
        message="not a directive that kvmc reads",
        hint="drop the line that starts with %",
    ),
    Rule(
        pieces=("expected comment or line break", "expected chomping", "indentation indicator"),
        message="expected the end of the line after '|' or '>'",
        hint="begin the text on the next line",
    ),
)
