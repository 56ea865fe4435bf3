"""Elements of SVG and HTML as text; the one place where names from specs are escaped."""

from __future__ import annotations

from kvmc.report.style import printable

_TEXT = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ATTRIBUTE = str.maketrans({**_TEXT, '"': "&quot;", "'": "&#39;", "\n": "&#10;"})
_CONTENT = str.maketrans(_TEXT)


class Markup(str):
    """Text that is markup already: made here, or escaped."""

    __slots__ = ()


def clean(text: str) -> str:
    """Return the text without what neither XML nor a reader can take: control characters."""
    return printable(text)


def content(text: str | Markup) -> Markup:
    """Return text as the content of an element; markup stays."""
    return text if isinstance(text, Markup) else Markup(text.translate(_CONTENT))


def element(
    name: str, attributes: dict[str, str | float | None], *children: str | Markup
) -> Markup:
    """Return an element; attributes that are None are left out, strings are escaped.

    Valid as XML and, for elements that have an end tag in HTML, as HTML.
    """
    given = "".join(
        f' {key}="{_value(value)}"' for key, value in attributes.items() if value is not None
    )
    return Markup(f"<{name}{given}>{''.join(map(content, children))}</{name}>")


def join(parts: list[Markup], between: str = "\n") -> Markup:
    """Return markup after markup."""
    return Markup(between.join(parts))


def _value(value: str | float) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(value).translate(_ATTRIBUTE)
