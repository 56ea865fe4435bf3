"""Plain words for data and schemas: what was found, what was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmc.words import either

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a string",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
}
_TITLES = {
    "CPU set": "a CPU set such as 0-3,8",
    "CPU or range": "a CPU or a range such as 0-3",
    "size": "a size such as 32GiB",
    "thread siblings": "the list of a core's thread siblings, such as [0, 28]",
    "thread place": "own, share, isolate or a CPU set",
    "serial console": "pty or {file: PATH}",
}
_LONGEST = 60


def shown(value: object) -> str:
    """Name a piece of YAML data for a message: `the string 'six'`, `a list`, `nothing`."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the string {quoted(value)}"
        case list():
            return "a list"
        case _:
            return "a mapping"


def quoted(text: str) -> str:
    """Quote a text for a message: escapes what cannot be printed, cuts what is long."""
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "...")


def field(name: str) -> str:
    """Name a field for a message, in backticks."""
    return f"`{name}`" if name.isprintable() else f"`{quoted(name)[1:-1]}`"


def expected(schema: Mapping[str, Any]) -> str:
    """Name what a schema wants: by its title where that says more, else by its types."""
    if (title := schema.get("title")) in _TITLES:
        return _TITLES[title]
    types = schema["type"]
    return either(_TYPES[t] for t in ([types] if isinstance(types, str) else types))
