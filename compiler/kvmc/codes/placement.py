"""Codes of placement, KV5xx."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = ()
