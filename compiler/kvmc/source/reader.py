"""Reader: the bytes of a YAML file to its documents, strictly."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from kvmc.diagnostics import Outcome
from kvmc.source.plain import read_plain
from kvmc.source.text import decode

if TYPE_CHECKING:
    from kvmc.source.compose import Composer
    from kvmc.source.document import Document
    from kvmc.source.nodes import Node
    from kvmc.source.problems import Problems


def read(text: bytes, file: str) -> Outcome[tuple[Document, ...]]:
    """Return the documents of a file; never raises, whatever the bytes.

    Diagnostics are KV1xx and carry their positions. A document with a problem that leaves its data
    whole enough (a double key: the first counts; a refused tag: the value without it; an unknown
    alias: None) is in the value too, so that later stages can report theirs in the same run. A
    syntax error or a broken bound ends the file; the documents before it stay. The value is None
    where there is no document at all.
    """
    decoded = decode(text, file)
    if decoded.value is None:
        return Outcome(None, decoded.diagnostics)
    plain = read_plain(decoded.value, file, _roots)
    return Outcome(plain) if plain else read_with_positions(decoded.value, file)


def read_with_positions(text: str, file: str) -> Outcome[tuple[Document, ...]]:
    """Return what `read` does, of text that is decoded, and where everything stands in it."""
    from kvmc.source.anchors import Anchors
    from kvmc.source.compose import Composer
    from kvmc.source.problems import Problems

    problems = Problems(file)
    composer = Composer(text, problems, Anchors(problems))
    _compose(text, composer, problems)
    if not composer.documents and not problems.found:
        problems.add(
            "KV105",
            "the file holds no document",
            1,
            1,
            "start with `kvmc: v1` and `kind:`, or remove the file",
        )
    return Outcome(tuple(composer.documents) or None, tuple(problems.found))


@lru_cache(maxsize=8)
def _roots(text: str) -> tuple[Node | None, ...]:
    """Return the positions of a text's documents, all of which the plain reader could read."""
    return tuple(document.root for document in read_with_positions(text, "").value or ())


def _compose(text: str, composer: Composer, problems: Problems) -> None:
    # PyYAML is imported only for texts that are not plain, or wrong: it takes as long as Python.
    from kvmc.source.stream import MAX_TAG_DIRECTIVES, TROUBLE, open_parser, too_many_directives

    line = too_many_directives(text)
    if line is not None:
        problems.add(
            "KV117",
            f"more than {MAX_TAG_DIRECTIVES} %TAG directives",
            line,
            1,
            "remove them; kvmc knows no tags of its own",
        )
        return
    try:
        composer.run(open_parser(text))
    except TROUBLE as bad:
        from kvmc.source.syntax import report_syntax

        report_syntax(bad, text, problems)
