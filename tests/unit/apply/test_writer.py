"""The writer comes back to a libvirtd that was restarted, and gives up once on one that is gone."""

from __future__ import annotations

import signal
import sys
from types import ModuleType
from typing import Any

import pytest

from kvmc.apply import libvirt_writer
from kvmc.apply.libvirt_writer import Writer
from kvmc.apply.model import HypervisorError
from kvmc.apply.steps import Step
from tests.unit.host.trees import DictTree


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


class Domain:
    def __init__(self, persistent: bool) -> None:
        self._persistent = persistent

    def isPersistent(self) -> int:  # noqa: N802
        return int(self._persistent)

    def XMLDesc(self, _flags: int) -> str:  # noqa: N802
        return "<domain/>"


class Vanishing(Domain):
    """Is undefined, and ended, right after it was found."""

    def isActive(self) -> int:  # noqa: N802
        return 1

    def XMLDesc(self, _flags: int) -> str:  # noqa: N802
        raise _NoDomainError


class _NoDomainError(_LibvirtError):
    def get_error_code(self) -> int:
        return 42


class Ending(Vanishing):
    """Ends while its XML is read, and stays defined."""

    def __init__(self) -> None:
        super().__init__(persistent=True)
        self._active = 1

    def isActive(self) -> int:  # noqa: N802
        return self._active

    def XMLDesc(self, _flags: int) -> str:  # noqa: N802
        self._active = 0
        return "<domain/>"


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    made = Daemon()
    module: Any = ModuleType("libvirt")
    module.libvirtError = _LibvirtError
    module.registerErrorHandler = lambda *_: None
    module.open = made.open
    module.VIR_DOMAIN_XML_INACTIVE, module.VIR_DOMAIN_XML_SECURE = 2, 1
    module.VIR_ERR_NO_DOMAIN = 42
    module.VIR_DOMAIN_AFFECT_LIVE = 1
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


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("ask", ["online", "domains", "definition"])
def test_ctrl_c_ends_a_libvirt_that_does_not_answer(ask: str) -> None:
    heard: list[object] = []

    def asked(*_: object) -> Any:
        heard.append(signal.getsignal(signal.SIGINT))
        raise _LibvirtError("hangs")

    writer = Writer("qemu:///system")
    for name in ("getCPUMap", "listAllDomains", "lookupByName"):
        setattr(writer.connection, name, asked)
    with pytest.raises(HypervisorError, match="hangs"):
        getattr(writer, ask)(*(["web"] if ask == "definition" else []))
    assert heard == [signal.SIG_DFL]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("daemon")
def test_a_transient_domain_has_no_definition() -> None:
    writer = Writer("qemu:///system")
    writer.connection.lookupByName = lambda name: Domain(name == "kept")
    assert writer.definition("kept") == "<domain/>"
    assert writer.definition("transient") is None


@pytest.mark.usefixtures("daemon")
def test_a_domain_that_goes_while_it_is_read_is_not_there() -> None:
    writer = Writer("qemu:///system")
    writer.connection.lookupByName = lambda _: Vanishing(persistent=True)
    assert writer.definition("web") is None
    assert writer.live("web") is None


@pytest.mark.usefixtures("daemon")
def test_a_guest_that_ends_while_it_is_read_does_not_run() -> None:
    writer = Writer("qemu:///system")
    writer.connection.lookupByName = lambda _: Ending()
    assert writer.live("web") is None


class Pinned:
    """A running guest whose emulator threads can be pinned."""

    def pinEmulator(self, cpus: tuple[bool, ...], _flags: int) -> None:  # noqa: N802
        self.cpus = cpus

    def UUIDString(self) -> str:  # noqa: N802
        return "u-1"


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize(
    ("uri", "brought"),
    [("qemu:///system", [("u-1", "1-2")]), ("qemu+ssh://kvm-07/system", [])],
)
def test_what_libvirt_leaves_behind_is_brought_along_on_this_machine_only(
    uri: str, brought: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(
        libvirt_writer, "bring_along", lambda _tree, uuid, cpus: seen.append((uuid, str(cpus)))
    )
    writer, guest = Writer(uri, tree=DictTree({})), Pinned()
    writer.connection.lookupByName = lambda _: guest
    writer.connection.getCPUMap = lambda: (4, [True] * 4, 4)
    writer.run("web", Step(kind="emulatorpin", value="1-2"))
    assert guest.cpus == (False, True, True, False)
    assert seen == brought
