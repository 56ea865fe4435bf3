"""This machine as a host of two cores, so that the output is the same everywhere."""

from typing import TYPE_CHECKING

from kvmc.diagnostics import Outcome
from kvmc.host.model import Core, Host, Node

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def patch(monkeypatch: "pytest.MonkeyPatch") -> None:
    def probe_sysfs(_root: "Path", name: str) -> Outcome[Host]:
        cores = (Core(cpus=(0,), node=0), Core(cpus=(1,), node=0))
        nodes = (Node(id=0, memory_kib=4 << 20, distances=((0, 10),)),)
        return Outcome(Host(name=name, cores=cores, nodes=nodes))

    monkeypatch.setattr("kvmc.host.probe.probe_sysfs", probe_sysfs)
    monkeypatch.setattr("kvmc.host.probe.local_name", lambda: "this-machine")
