"""The changes that a refusal's hint names, made."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmc.spec.model import Vm

PIN: dict[str, dict[str, Any]] = {
    "`threads: prefer`": {"threads": "prefer"},
    "`numa: prefer`": {"numa": "prefer"},
    "`l3: prefer`": {"l3": "prefer"},
    "`kind: any`": {"kind": None},
    "no `pin.cpus`": {"cpus": None},
    "`emulator: own`": {"emulator": "own"},
}

CHANGES = (*PIN, "`numa.mode: preferred`")
"""All but those of the count."""


def changed(vm: Vm, words: str) -> Vm:
    """Return the VM with the change that a part of a hint names."""
    count = re.fullmatch(r"`cpu\.max: (\d+)` instead of \d+", words)
    if count:
        most = int(count[1])
        return replace(vm, cpu=replace(vm.cpu, max=most, count=min(vm.cpu.count, most)))
    if words == "`numa.mode: preferred`":
        return replace(vm, numa=replace(vm.numa, mode="preferred"))
    return replace(vm, pin=replace(vm.pin, **PIN[words]))
