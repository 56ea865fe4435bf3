"""Two VMs, one of which libvirt does not know."""

from __future__ import annotations

from tests.support.fakeapply import make, patch

__all__ = ["make", "patch"]
