"""The pages, and the YAML in them: whole documents, and parts that a minimal one completes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from kvmc.resources import schema_text
from tests.support.paths import REPO

if TYPE_CHECKING:
    from pathlib import Path

PAGES: tuple[Path, ...] = (
    REPO / "README.md",
    REPO / "CONTRIBUTING.md",
    *sorted((REPO / "docs").glob("*.md")),
)

_MINIMAL: dict[str, dict[str, Any]] = {
    "vm": {"kvmc": "v1", "kind": "vm", "name": "page", "memory": "1GiB", "cpu": {"count": 2}},
    "host": {
        "kvmc": "v1",
        "kind": "host",
        "name": "page",
        "arch": "x86_64",
        "nodes": [{"id": 0, "memory": "64GiB"}, {"id": 1, "memory": "64GiB"}],
        "cores": [
            {"package": n, "node": n, "cpus": [[c, c + 28] for c in range(14 * n, 14 * n + 14)]}
            for n in (0, 1)
        ],
    },
}
"""What completes a part: a VM of two vCPUs, or a host of 2 x 14 cores with 2 threads."""


def documents(text: str) -> tuple[Any, ...]:
    """Return the documents of a YAML block; raises yaml.YAMLError."""
    return tuple(yaml.safe_load_all(text))


def is_whole(document: Any) -> bool:
    """Tell whether a document says itself that it is one of kvmc."""
    return isinstance(document, dict) and "kvmc" in document


def complete(part: dict[str, Any]) -> str:
    """Return the YAML of a minimal document with a part in it.

    The kind is the first of vm and host that has all of the part's fields. Mappings are merged at
    every depth, everything else replaces what was there.
    """
    for kind, minimal in _MINIMAL.items():
        if set(part) <= set(json.loads(schema_text(kind))["properties"]):
            return yaml.safe_dump(_merged(minimal, part), sort_keys=False)
    raise ValueError(f"neither a VM nor a host has all of {', '.join(map(str, part))}")


def _merged(base: Any, part: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(part, dict)):
        return part
    return base | {key: _merged(base.get(key), value) for key, value in part.items()}
