"""A domain that no spec declares, pinned to CPU 4."""

from typing import TYPE_CHECKING

from kvmc.apply.model import HostIdentity, Observation
from kvmc.cpuset import EMPTY, CpuSet

if TYPE_CHECKING:
    import pytest


def patch(monkeypatch: "pytest.MonkeyPatch") -> None:
    def look(uri: str) -> Observation:
        host = HostIdentity(uri=uri, hostname="h", driver="QEMU", libvirt="9.0.0", local=True)
        return Observation(host=host, domains=())

    stray = (("stray", CpuSet([4]), EMPTY),)
    monkeypatch.setattr("kvmc.commands.looking.look", look)
    monkeypatch.setattr("kvmc.apply.observe.occupied", lambda *_: stray)
