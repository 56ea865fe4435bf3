"""This machine is another on every machine; for golden cases it has 4 cores with 2 threads each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmc.diagnostics import Outcome
from kvmc.host.model import Core, Host, Node

if TYPE_CHECKING:
    import pytest

HOST = Host(
    name="kvm-07",
    arch="x86_64",
    model="Test CPU",
    nodes=(Node(id=0, memory_kib=8 << 20),),
    cores=tuple(Core(cpus=(i, i + 4), package=0, node=0, l3=0) for i in range(4)),
)


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    def probe(*_: Any) -> Outcome[Host]:
        return Outcome(HOST)

    monkeypatch.setattr("kvmc.host.probe.probe_sysfs", probe)
