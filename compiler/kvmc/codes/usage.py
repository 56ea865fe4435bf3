"""Codes of files and internal errors, KV9xx."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = ()
