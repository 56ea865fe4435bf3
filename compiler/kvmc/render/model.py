"""What a renderer takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmc.planner.model import VmPlan
    from kvmc.spec.model import Vm


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One VM to render: the intent, its placement and the base document's bytes, if any."""

    vm: Vm
    plan: VmPlan
    base: bytes | None = None
    """The content of the file that `base:` names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A rendered file: `name` is relative to the output folder's host folder."""

    name: str
    text: str
