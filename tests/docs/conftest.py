"""The libvirtd of the end-to-end tests, started where that is possible."""

from __future__ import annotations

from tests.e2e.conftest import libvirtd

__all__ = ("libvirtd",)
