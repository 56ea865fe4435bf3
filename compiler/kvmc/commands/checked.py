"""What one side of `kvmc verify` gives: the host, its domains, or the guests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from kvmc.apply.verify import Finding
    from kvmc.diagnostics import Diagnostic


class Checked(Struct, frozen=True, kw_only=True):
    """Findings and what is printed; sides are put together in the order in which they come."""

    findings: tuple[Finding, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    output: str = ""
    parts: tuple[tuple[str, Any], ...] = ()
    """Members of the JSON document."""
    fix: str | None = None
    """The one command that mends what this side found."""
