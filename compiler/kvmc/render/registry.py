"""The targets by name: a new one is a module, and a function and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.diagnostics import Outcome
    from kvmc.render.model import Artifact, Job


def _libvirt(job: Job) -> Outcome[Artifact]:
    from kvmc.render.libvirt import render

    return render(job)


def _qemu(job: Job) -> Outcome[Artifact]:
    from kvmc.render.qemu import render

    return render(job)


TARGETS: dict[str, Callable[[Job], Outcome[Artifact]]] = {"libvirt": _libvirt, "qemu": _qemu}
"""Target name, as in `kvmc build --target`, -> its renderer, which is imported when it is used."""
