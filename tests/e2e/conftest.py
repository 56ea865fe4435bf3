"""A real libvirtd, libvirt's test driver and real QEMU, for whatever kvmc renders.

Domains of these tests are called kvmc-test-* and are gone when their test ends. What is missing
on a machine is skipped with its reason; where CI is set, it fails instead.

    test_driver   .define(xml) -> what libvirt's test driver gives back for it
    native_argv   (xml) -> QEMU's command line as libvirtd would start it
    guest         (xml) -> a running, paused, transient domain
    virsh         (*arguments) -> what `virsh -c qemu:///system` prints
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

URI = "qemu:///system"
START_SECONDS = 60
IDLE_SECONDS = 300
"""After this long without a client a libvirtd that was started here ends by itself."""


def _absent(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _libvirt() -> Any:
    try:
        import libvirt
    except ImportError:
        _absent("libvirt-python is not installed")
    # by default it prints every error to stderr, the expected ones too
    libvirt.registerErrorHandler(lambda *_: None, None)
    return libvirt


def _answers() -> bool:
    command = ["virsh", "-q", "-c", URI, "uri"]
    done = subprocess.run(command, capture_output=True, timeout=START_SECONDS, check=False)
    return done.returncode == 0


def _open_kvm() -> None:
    """Let libvirt's user reach /dev/kvm, where no one but root can (a container, mostly).

    libvirtd cannot cache what QEMU can do while KVM is there but closed, and asks it anew for 40
    seconds at each call.
    """
    kvm = Path("/dev/kvm")
    if kvm.exists() and not stat.S_IMODE(kvm.stat().st_mode) & 0o077:
        kvm.chmod(0o666)


def _start(daemon: str) -> None:
    path = shutil.which(daemon, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is None:
        _absent(f"{daemon} is not installed")
    # it fails where one is running, which is as good
    command = [path, "--daemon", "--timeout", str(IDLE_SECONDS)]
    subprocess.run(command, capture_output=True, timeout=START_SECONDS, check=False)


@pytest.fixture(scope="session")
def libvirtd() -> str:
    """Return the URI of a libvirtd that answers; start one where that is possible."""
    if shutil.which("virsh") is None:
        _absent("virsh is not installed")
    if os.geteuid() == 0:
        _open_kvm()
    if os.geteuid() == 0:
        # a libvirtd that lives on without its virtlogd can start no guest
        _start("virtlogd")
    if not _answers():
        if os.geteuid() != 0:
            _absent(f"no libvirtd answers at {URI}, and only root can start one")
        _start("libvirtd")
        end = time.monotonic() + START_SECONDS
        while not _answers():
            if time.monotonic() > end:
                _absent(f"no libvirtd answers at {URI} {START_SECONDS} s after its start")
            time.sleep(0.2)
    return URI


@pytest.fixture(scope="session")
def virsh(libvirtd: str) -> Callable[..., str]:
    """Return a function that runs virsh; a failure of virsh fails the test with its message."""

    def run(*arguments: str) -> str:
        command = ["virsh", "-q", "-c", libvirtd, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr.strip()}"
        return done.stdout

    return run


@pytest.fixture
def native_argv(virsh: Callable[..., str], tmp_path: Path) -> Callable[[str], list[str]]:
    """Return a function from domain XML to the QEMU command line libvirtd makes of it.

    It fails the test where libvirt, or what it knows of this QEMU, refuses the domain. Nodes and
    huge pages must exist on this machine; CPUs need not.
    """

    def convert(xml: str) -> list[str]:
        file = tmp_path / "domain.xml"
        file.write_text(xml, "utf-8")
        argv = shlex.split(virsh("domxml-to-native", "qemu-argv", "--xml", str(file)))
        return argv[next(i for i, word in enumerate(argv) if "=" not in word) :]

    return convert


class Driver:
    """libvirt's own parser and checks on a made-up host: 16 CPUs on 2 nodes."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def define(self, xml: str) -> str:
        """Define a domain and take it away again; return it as libvirt prints it.

        The type becomes `test`, which is the only one the driver has. Raises libvirt's error
        where it refuses the domain.
        """
        root = etree.fromstring(xml.encode())
        root.set("type", "test")
        domain = self._connection.defineXML(etree.tostring(root, encoding="unicode"))
        try:
            return str(domain.XMLDesc(_libvirt().VIR_DOMAIN_XML_INACTIVE))
        finally:
            domain.undefine()


@pytest.fixture(scope="session")
def test_driver() -> Iterator[Driver]:
    """Yield libvirt's test driver; it needs the library, but no libvirtd and no root."""
    connection = _libvirt().open("test:///default")
    yield Driver(connection)
    connection.close()


@pytest.fixture
def guest(libvirtd: str) -> Iterator[Callable[[str], Any]]:
    """Yield a function that starts a domain, transient and paused; it is destroyed afterwards."""
    libvirt = _libvirt()
    connection = libvirt.open(libvirtd)
    started: list[Any] = []

    def start(xml: str) -> Any:
        flags = libvirt.VIR_DOMAIN_START_PAUSED | libvirt.VIR_DOMAIN_START_AUTODESTROY
        started.append(connection.createXML(xml, flags))
        return started[-1]

    yield start
    ours = {domain.UUID() for domain in started}
    for domain in connection.listAllDomains():
        if domain.UUID() in ours:
            domain.destroy()
    connection.close()
