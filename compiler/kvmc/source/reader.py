"""Reader: the bytes of a YAML file to its documents, strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.diagnostics import Outcome
from kvmc.source.compose import Composer
from kvmc.source.problems import Problems
from kvmc.source.stream import MAX_TAG_DIRECTIVES, TROUBLE, open_parser, too_many_directives
from kvmc.source.syntax import report_syntax
from kvmc.source.text import decode

if TYPE_CHECKING:
    from kvmc.source.document import Document


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
    problems = Problems(file)
    composer = Composer(decoded.value, problems)
    _compose(decoded.value, composer, problems)
    if not composer.documents and not problems.found:
        problems.add(
            "KV105",
            "the file holds no document",
            1,
            1,
            "start with `kvmc: v1` and `kind:`, or remove the file",
        )
    return Outcome(tuple(composer.documents) or None, tuple(problems.found))


def _compose(text: str, composer: Composer, problems: Problems) -> None:
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
        report_syntax(bad, text, problems)
