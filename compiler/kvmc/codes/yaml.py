"""Codes of YAML source, KV1xx."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = ()
