"""What `kvmc explain CODE` prints: one record a diagnostic code."""

from __future__ import annotations

from msgspec import Struct


class Code(Struct, frozen=True):
    """A diagnostic code. Codes are never reused; `text` is a paragraph for a user."""

    code: str
    title: str
    text: str
