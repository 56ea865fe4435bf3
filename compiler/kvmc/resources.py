"""The only reader of schemas/ and templates/, the package's data files."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import kvmc

if TYPE_CHECKING:
    from importlib.abc import ResourceLoader


def schema_text(name: str) -> str:
    """Return the JSON Schema of a kind (vm, host, lock, plan) as text; KeyError for no kind."""
    return _text(f"schemas/{name}.json")


def template_text(name: str) -> str:
    """Return a file of templates/, e.g. `libvirt/domain.xml.j2`; KeyError when there is none."""
    return _text(f"templates/{name}")


def _text(path: str) -> str:
    """Ask the package's loader, as importlib.resources does, which takes 10 ms to import."""
    loader = cast("ResourceLoader", kvmc.__loader__)
    try:
        return loader.get_data(f"{kvmc.__path__[0]}/{path}").decode()
    except OSError:
        raise KeyError(path) from None
