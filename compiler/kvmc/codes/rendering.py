"""Codes of rendering, KV6xx."""

from __future__ import annotations

from kvmc.codes.model import Code

CODES: tuple[Code, ...] = ()
