"""What `kvmc explain CODE` prints: one record a diagnostic code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A diagnostic code. Codes are never reused; `text` is a paragraph for a user."""

    code: str
    title: str
    text: str
