"""What an apply does to a host, as data: for each domain its definition and its live steps.

Every step sets an absolute value, so doing it twice is doing it once. That is what lets the next
apply go on after a crash without knowing whether the last step had happened.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from msgspec import Struct, to_builtins

Kind = Literal["vcpus", "iothread", "vcpupin", "emulatorpin", "iothreadpin", "scheduler"]


class Step(Struct, frozen=True, kw_only=True):
    """One call on a running domain.

    kind         target                           value
    vcpus        ""                               how many vCPUs are online
    iothread     the id of a thread to add        ""
    vcpupin      vCPU id                          host CPUs
    emulatorpin  ""                               host CPUs
    iothreadpin  I/O thread id                    host CPUs
    scheduler    cpu_shares | vcpu_period | ...   number (virTypedParameter of libvirt)
    """

    kind: Kind
    target: str = ""
    value: str = ""

    def __str__(self) -> str:
        """Name the step as `virsh` does."""
        return " ".join(part for part in (self.kind, self.target, self.value) if part)


class Live(Struct, frozen=True, kw_only=True):
    """What a running domain has of all that steps can change: enough to put it back."""

    vcpus: int
    vcpupins: tuple[tuple[int, str], ...] = ()
    emulator: str = ""
    iothreads: tuple[tuple[int, str], ...] = ()
    scheduler: tuple[tuple[str, int], ...] = ()
    """Empty where the host has no cpu controller."""

    def steps_back(self, done: tuple[Step, ...]) -> tuple[Step, ...]:
        """Return the steps that undo others; an added I/O thread stays until the guest stops."""
        return tuple(dict.fromkeys(back for step in reversed(done) for back in self._back(step)))

    def differences(self, now: Live) -> tuple[str, ...]:
        """Say what is otherwise now."""
        pairs = {
            "vCPUs": (self.vcpus, now.vcpus),
            "vCPU pins": (self.vcpupins, now.vcpupins),
            "emulator pin": (self.emulator, now.emulator),
            "I/O threads": (self.iothreads, now.iothreads),
            "scheduler": (self.scheduler, now.scheduler),
        }
        return tuple(
            f"{what}: {_said(was)} before, {_said(then)} now"
            for what, (was, then) in pairs.items()
            if was != then
        )

    def _back(self, step: Step) -> tuple[Step, ...]:
        values: dict[str, dict[str, str | int]] = {
            "vcpus": {"": self.vcpus},
            "vcpupin": {str(i): cpus for i, cpus in self.vcpupins},
            "emulatorpin": {"": self.emulator},
            "iothreadpin": {str(i): cpus for i, cpus in self.iothreads},
            "scheduler": dict(self.scheduler),
        }
        old = values.get(step.kind, {})
        if step.target not in old:
            return ()
        return (Step(kind=step.kind, target=step.target, value=str(old[step.target])),)


class Work(Struct, frozen=True, kw_only=True):
    """Everything to be done to one domain."""

    name: str
    uuid: str | None
    """None: the domain is new."""
    old: str | None
    """Its inactive XML with secrets, as libvirt printed it; None: it is new, or transient."""
    new: str | None
    """What to define; None: the definition stays."""
    live: Live | None = None
    """What it had before; None: it is not running."""
    steps: tuple[Step, ...] = ()
    start: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain data for the journal."""
        plain: dict[str, Any] = to_builtins(self)
        return plain

    @classmethod
    def of_json(cls, data: dict[str, Any]) -> Work:
        """Read what to_json wrote; KeyError or TypeError where it was not that."""
        live = data["live"]
        return cls(
            **{
                **data,
                "live": live and Live(**{k: _tuples(v) for k, v in live.items()}),
                "steps": tuple(Step(**step) for step in data["steps"]),
            }
        )


def _said(value: object) -> str:
    if not isinstance(value, tuple):
        return str(value)
    return " ".join(f"{key}:{text}" for key, text in value) or "none"


def _tuples(value: Any) -> Any:  # noqa: ANN401 (whatever JSON holds)
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def digest(xml: str) -> str:
    """Return a short fingerprint of a definition."""
    return hashlib.sha256(xml.encode()).hexdigest()
