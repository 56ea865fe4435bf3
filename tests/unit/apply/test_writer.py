"""The writer comes back to a libvirtd that was restarted, and gives up once on one that is gone."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from kvmc.apply import libvirt_writer
from kvmc.apply.libvirt_writer import Writer
from kvmc.apply.model import HypervisorError


class _LibvirtError(Exception):
    def get_error_code(self) -> int:
        return 1


class Daemon:
    """A libvirtd: `up` says whether it answers, `opened` how often it was asked to."""

    def __init__(self) -> None:
        self.up = True
        self.generation = 0
        self.opened = 0
        self.defined: list[str] = []

    def open(self, _uri: str) -> Connection:
        self.opened += 1
        if not self.up:
            raise _LibvirtError("Connection refused")
        return Connection(self)


class Connection:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._generation = daemon.generation

    def _check(self) -> None:
        if not self._daemon.up or self._generation != self._daemon.generation:
            raise _LibvirtError("client socket is closed")

    def isAlive(self) -> int:  # noqa: N802 (libvirt's name)
        return int(self._generation == self._daemon.generation)

    def getLibVersion(self) -> int:  # noqa: N802
        self._check()
        return 9_000_000

    def defineXML(self, xml: str) -> None:  # noqa: N802
        self._check()
        if xml == "bad":
            raise _LibvirtError("XML error")
        self._daemon.defined.append(xml)


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    made = Daemon()
    module: Any = ModuleType("libvirt")
    module.libvirtError = _LibvirtError
    module.registerErrorHandler = lambda *_: None
    module.open = made.open
    monkeypatch.setitem(sys.modules, "libvirt", module)
    monkeypatch.setattr(libvirt_writer, "RECONNECT_SECONDS", 0.3)
    return made


def test_a_restart_is_not_noticed(daemon: Daemon) -> None:
    writer = Writer("qemu:///system")
    daemon.generation += 1
    writer.define("<domain/>")
    assert daemon.defined == ["<domain/>"]


def test_what_libvirt_refuses_is_not_tried_again(daemon: Daemon) -> None:
    writer = Writer("qemu:///system")
    with pytest.raises(HypervisorError, match="libvirt refuses the definition: XML error"):
        writer.define("bad")
    assert daemon.opened == 1


def test_a_libvirtd_that_stays_away_is_waited_for_once(daemon: Daemon) -> None:
    writer = Writer("qemu:///system")
    daemon.up = False
    with pytest.raises(HypervisorError, match="went away: Connection refused"):
        writer.define("<domain/>")
    opened = daemon.opened
    with pytest.raises(HypervisorError, match="went away"):
        writer.define("<domain/>")
    assert daemon.opened == opened + 1
