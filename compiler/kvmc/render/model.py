"""What a renderer takes and gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from kvmc.host.model import HostModel
    from kvmc.planner.model import VmPlan
    from kvmc.spec.model import Vm


class Job(Struct, frozen=True, kw_only=True):
    """One VM to render: the intent, its placement and the base document's bytes, if any."""

    vm: Vm
    plan: VmPlan
    base: bytes | None = None
    """The content of the file that `base:` names."""
    host_models: tuple[HostModel, ...] = ()
    """What host-model is on the host, for targets that have no word for it."""
    arch: str | None = None
    """The host's architecture, and the guest's where the emulator's name does not say another."""


class Artifact(Struct, frozen=True, kw_only=True):
    """A rendered file: `name` is relative to the output folder's host folder."""

    name: str
    text: str
    argv: tuple[str, ...] = ()
    """The same as words of a command, for targets that are one."""
