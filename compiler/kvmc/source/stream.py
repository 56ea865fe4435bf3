"""Stream: the events of PyYAML's parser, in C where it was built with libyaml.

Both parsers keep their own stack instead of recursing, and hand out one event at a time, so that a
reader can stop before 100,000 brackets become anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import yaml

from kvmc.source.text import lines_of

if TYPE_CHECKING:
    from yaml.events import Event

TROUBLE = (yaml.YAMLError, ValueError, OverflowError)
"""What a parser raises on bad text; the Python one lets `"\\U00110000"` through to chr()."""

MAX_DEPTH = 64
"""Collections inside each other, those behind aliases included."""

MAX_TAG_DIRECTIVES = 100
"""libyaml compares each %TAG line with all before it: 250,000 of them would take a minute."""

_TAG_DIRECTIVE = re.compile(r"(?:\A|[\r\n])(?=%TAG)")


class Parser(Protocol):
    """The part of PyYAML's loaders that is used here."""

    def get_event(self) -> Event | None:
        """Return the next event; raises one of TROUBLE."""


def open_parser(text: str) -> Parser:
    """Return a parser over the text, the C one where there is one."""
    try:
        from yaml.cyaml import CSafeLoader
    except ImportError:
        return yaml.SafeLoader(text)
    return CSafeLoader(text)


def too_many_directives(text: str) -> int | None:
    """Return the line of the %TAG directive that is one too many."""
    if text.count("%TAG") <= MAX_TAG_DIRECTIVES:
        return None
    starts = [match.end() for match in _TAG_DIRECTIVE.finditer(text)]
    if len(starts) <= MAX_TAG_DIRECTIVES:
        return None
    return len(lines_of(text[: starts[MAX_TAG_DIRECTIVES]]))
