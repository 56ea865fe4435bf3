"""Diagnostics as SARIF 2.1.0, the format of code scanning (OASIS, sarif-v2.1.0-os)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kvmc import __version__
from kvmc.codes import CODES
from kvmc.report.location import path_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmc.diagnostics import Diagnostic

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_text(diagnostics: Sequence[Diagnostic], folder: str, root: str) -> str:
    """Return one log with one run, its rules the codes that were found."""
    codes = sorted({d.code for d in diagnostics})
    driver = {"name": "kvmc", "version": __version__, "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",  # kvmc.diagnostics.Span counts characters
        "results": [_result(d, codes.index(d.code), folder, root) for d in diagnostics],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1) + "\n"


def _rule(code: str) -> dict[str, Any]:
    known = CODES.get(code)
    if known is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": known.title},
        "fullDescription": {"text": known.text},
        "help": {"text": f"{known.text} (`kvmc explain {code}`)"},
    }


def _result(diagnostic: Diagnostic, rule: int, folder: str, root: str) -> dict[str, Any]:
    hint = f"\nhint: {diagnostic.hint}" if diagnostic.hint else ""
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": str(diagnostic.severity),  # error, warning and note are SARIF's words too
        "message": {"text": diagnostic.message + hint},
    }
    path = path_of(diagnostic, folder, root)
    if path is not None:
        result["locations"] = [{"physicalLocation": _location(diagnostic, path)}]
    return result


def _location(diagnostic: Diagnostic, path: str) -> dict[str, Any]:
    scheme = "file://" if path.startswith("/") else ""
    # A relative reference may not look as if it began with a scheme, so the colon is quoted too.
    location: dict[str, Any] = {"artifactLocation": {"uri": scheme + quote(path, errors="replace")}}
    if diagnostic.span is not None:
        span = diagnostic.span
        location["region"] = {"startLine": span.line, "startColumn": span.column}
    return location
