"""Codes of rules between the fields of a spec, KV3xx."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = ()
