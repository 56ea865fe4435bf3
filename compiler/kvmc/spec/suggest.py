"""Did you mean: the nearest word of a list, and the place where a field belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def closest(word: str, words: Iterable[str]) -> str | None:
    """Return the word most like the given one, whatever its case; None when none is like it."""
    from difflib import get_close_matches  # only a mistake needs it

    by_lower = {w.lower(): w for w in words}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def homes(field: str, schema: dict[str, Any]) -> tuple[str, ...]:
    """Return the dotted paths of the mappings that have such a field, e.g. `pin`, `cpu.topology`.

    Definitions are not entered: a field that is shared by many mappings has no one home.
    """
    return tuple(sorted({path for path, name in _fields(schema, "") if name == field and path}))


def _fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, child in schema.get("properties", {}).items():
        yield path, name
        yield from _fields(child, f"{path}.{name}" if path else name)
    if isinstance(schema.get("items"), dict):
        yield from _fields(schema["items"], path)
