"""XML attributes in the order they are printed."""

from __future__ import annotations

Attributes = tuple[tuple[str, str], ...]
"""(name, value), in libvirt's order."""


def attributes(**values: object) -> Attributes:
    """Return the attributes that are there: None leaves one out, True and False say yes and no."""
    return tuple((name, _text(value)) for name, value in values.items() if value is not None)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
