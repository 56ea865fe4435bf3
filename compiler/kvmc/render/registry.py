"""The targets by name: a new one is a module, an import and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.render import libvirt, qemu

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.diagnostics import Outcome
    from kvmc.render.model import Artifact, Job

TARGETS: dict[str, Callable[[Job], Outcome[Artifact]]] = {
    "libvirt": libvirt.render,
    "qemu": qemu.render,
}
"""Target name, as in `kvmc build --target`, -> its renderer."""
