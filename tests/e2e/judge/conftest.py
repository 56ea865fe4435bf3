"""libvirt's own translation of domains, from a host made up for it where that is possible."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from kvmc.host.probe import probe_connection
from tests.support.argv_facts import facts
from tests.support.sandbox import NoSandboxError, sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.argv_facts import Facts


class Translator:
    """libvirt's translation of a domain to QEMU's command line."""

    def __init__(self, uri: str, mounts: Mapping[str, int]) -> None:
        import libvirt

        libvirt.registerErrorHandler(lambda *_: None, None)
        self._connection = libvirt.open(uri)
        self._mounts = mounts
        host = probe_connection(uri, None).value
        assert host is not None
        self.host_models = host.host_models
        """What `kvmc host probe --connect` writes down of host-model."""

    @property
    def made_up(self) -> bool:
        """Whether the host has all the nodes and pages that specs ask for."""
        return bool(self._mounts)

    def argv(self, xml: str) -> tuple[str, ...]:
        """Return the words; where libvirt refuses the domain, the test is skipped, and says why."""
        import libvirt

        try:
            text = self._connection.domainXMLToNative("qemu-argv", xml)
        except libvirt.libvirtError as refusal:
            pytest.skip(f"libvirt: {refusal.get_error_message()}")
        words = shlex.split(text)
        return tuple(words[next(i for i, word in enumerate(words) if "=" not in word) :])

    def facts(self, xml: str) -> Facts:
        """Return what libvirt says about CPUs and memory."""
        return facts(self.argv(xml), self._mounts)


@pytest.fixture(scope="session")
def translator(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Translator]:
    """Yield libvirt on a host with 4 nodes and huge pages; on this host, where it is none."""
    pytest.importorskip("libvirt")
    try:
        with sandbox(tmp_path_factory.mktemp("judge")) as made_up:
            yield Translator(made_up.uri, made_up.mounts)
    except NoSandboxError as reason:
        print(f"no sandbox, so this host's own nodes and pages only: {reason}")  # noqa: T201
        yield Translator(libvirtd, {})
