"""A hypervisor in memory for `kvmc.apply`: domains that only live in a dict, and crashes on demand.

`Crash` stands for kill -9: it is no Exception, so that nothing on its way may clean up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kvmc.apply.model import HypervisorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmc.apply.steps import Live, Step


class Crash(BaseException):
    """The process is gone."""


class Fake(Struct, dict=True):
    """Definitions and running guests by name; `calls` is what was asked of it that changes things.

    `before` is called with every changing call, and may raise.
    """

    definitions: dict[str, str] = {}
    running: dict[str, Live] = {}
    calls: list[str] = []
    before: Callable[[str], None] = lambda _call: None

    def definition(self, name: str) -> str | None:
        return self.definitions.get(name)

    def define(self, xml: str) -> None:
        name = name_of(xml)
        self._called(f"define {name}")
        self.definitions[name] = normal(xml)

    def live(self, name: str) -> Live | None:
        return self.running.get(name)

    def run(self, name: str, step: Step) -> None:
        self._called(f"{name}: {step}")
        if name not in self.running:
            raise HypervisorError(f"{name} does not run")
        self.running[name] = after(self.running[name], step)

    def start(self, name: str) -> None:
        self._called(f"start {name}")

    def _called(self, call: str) -> None:
        self.before(call)
        self.calls.append(call)


def name_of(xml: str) -> str:
    return xml.partition("<name>")[2].partition("</name>")[0]


def normal(xml: str) -> str:
    """Return a definition as the fake prints it: not quite as it was given, as with libvirt."""
    return xml if xml.endswith("<!-- defined -->") else f"{xml}<!-- defined -->"


def after(live: Live, step: Step) -> Live:
    """Return what a guest has after a step."""
    match step.kind:
        case "vcpus":
            return replace(live, vcpus=int(step.value))
        case "iothread":
            added = {int(step.target): "0-7"} | dict(live.iothreads)
            return replace(live, iothreads=tuple(sorted(added.items())))
        case "vcpupin":
            pins = dict(live.vcpupins) | {int(step.target): step.value}
            return replace(live, vcpupins=tuple(sorted(pins.items())))
        case "emulatorpin":
            return replace(live, emulator=step.value)
        case "iothreadpin":
            threads = dict(live.iothreads) | {int(step.target): step.value}
            return replace(live, iothreads=tuple(sorted(threads.items())))
        case "scheduler":
            values = dict(live.scheduler) | {step.target: int(step.value)}
            return replace(live, scheduler=tuple(sorted(values.items())))
