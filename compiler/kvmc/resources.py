"""The only reader of schemas/ and templates/, the package's data files."""

from __future__ import annotations

from importlib.resources import files


def schema_text(name: str) -> str:
    """Return the JSON Schema of a document kind (vm, host) as text; KeyError when there is none."""
    path = files("kvmc") / "schemas" / f"{name}.json"
    if not path.is_file():
        raise KeyError(name)
    return path.read_text(encoding="utf-8")


def template_text(name: str) -> str:
    """Return a file of templates/, e.g. `libvirt/domain.xml.j2`; KeyError when there is none."""
    path = files("kvmc") / "templates" / name
    if not path.is_file():
        raise KeyError(name)
    return path.read_text(encoding="utf-8")
