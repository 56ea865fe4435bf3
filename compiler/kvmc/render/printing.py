"""Templates to text, with libvirt's own XML escapes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from kvmc.resources import template_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Environment
    from markupsafe import Markup

_ESCAPES = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "'": "&apos;",
        '"': "&quot;",
        # a reader turns these into spaces inside an attribute, and \r into \n everywhere
        "\t": "&#x9;",
        "\n": "&#xA;",
        "\r": "&#xD;",
    }
)


def escape(value: object) -> str:
    """Return text as libvirt's virBufferEscapeString writes it, safe in text and attributes."""
    return str(value).translate(_ESCAPES)


def print_template(name: str, **values: object) -> str:
    """Return a filled-in template; everything printed is escaped, an unknown name is a bug."""
    return _environment().get_template(name).render(**values)


@cache
def _environment() -> Environment:
    # imported here: jinja2 costs 100 ms, and check and plan do not need it
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    from kvmc.render.compiled import compiled_templates

    def finalize(value: object) -> Markup:
        # autoescape alone would write &#39; where libvirt writes &apos;, and keep raw newlines
        return value if isinstance(value, Markup) else Markup(escape(value))  # noqa: S704

    def attributes(pairs: Iterable[tuple[str, object]]) -> Markup:
        # no macro: one would be imported by every template and called 30 times for a domain
        return Markup("".join(f" {name}='{escape(value)}'" for name, value in pairs))  # noqa: S704

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=FunctionLoader(template_text),
        finalize=finalize,
        bytecode_cache=compiled_templates(),
        optimized=False,  # which would take a quarter of compiling, to find constants
    )
    environment.filters["attributes"] = attributes
    return environment
