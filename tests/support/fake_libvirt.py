"""A libvirt-python with one host to ask, for `kvmc host probe --connect` without libvirt."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

CAPABILITIES = """<capabilities><host><cpu><arch>x86_64</arch></cpu><topology><cells num='1'>
<cell id='0'><memory unit='KiB'>8388608</memory><cpus num='2'>
<cpu id='0' socket_id='0' die_id='0' core_id='0' siblings='0'/>
<cpu id='1' socket_id='0' die_id='0' core_id='1' siblings='1'/>
</cpus></cell></cells></topology></host></capabilities>"""

HOST_MODEL = """<domainCapabilities><cpu><mode name='host-model' supported='yes'>
<model fallback='forbid'>Broadwell</model><vendor>Intel</vendor>
<feature policy='require' name='vme'/><feature policy='require' name='invtsc'/>
<feature policy='disable' name='hle'/><feature policy='require' name='lahf_lm'/>
</mode></cpu></domainCapabilities>"""


class _LibvirtError(Exception):
    def get_error_message(self) -> str:
        return str(self)


class _Connection:
    def __init__(self, models: Mapping[str, str]) -> None:
        self._models = models

    def getHostname(self) -> str:  # noqa: N802 - libvirt's name
        return "kvm-07.example.org"

    def getCapabilities(self) -> str:  # noqa: N802
        return CAPABILITIES

    def getDomainCapabilities(self, *arguments: Any) -> str:  # noqa: N802
        if arguments[3] not in self._models:
            raise _LibvirtError(f"invalid argument: no emulator of type {arguments[3]}")
        return self._models[arguments[3]]

    def close(self) -> None:
        pass


def install(monkeypatch: pytest.MonkeyPatch, models: Mapping[str, str]) -> None:
    """Put it in libvirt's place; `models` are domain capabilities by domain type."""
    module: Any = ModuleType("libvirt")

    def connect(uri: str) -> _Connection:
        if uri != "qemu:///system":
            raise _LibvirtError("no connection driver available for it")
        return _Connection(models)

    module.libvirtError = _LibvirtError
    module.registerErrorHandler = lambda *_: None
    module.open = connect
    monkeypatch.setitem(sys.modules, "libvirt", module)
