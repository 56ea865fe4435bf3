"""libvirt domain capabilities XML to the CPU that mode host-model stands for.

Source: libvirt formatdomaincaps, <cpu><mode name='host-model'>.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmc.diagnostics import Outcome
from kvmc.host.model import HostModel
from kvmc.host.xmlfile import parse_xml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from lxml.etree import _Element

_BLOCKS_MIGRATION = ("invtsc", "xsaves")
"""Reported, but not given to a guest by host-model (cpu_map/x86_features.xml, migratable='no')."""


def read_host_model(xml: bytes, kind: Literal["kvm", "qemu"], file: str) -> Outcome[HostModel]:
    """Return what `virsh domcapabilities --virttype KIND` says of host-model.

    No value, and nothing said, where libvirt does not support the mode. Fails: KV401-KV403.
    """
    parsed = parse_xml(xml, "domainCapabilities", file, "the output of virsh domcapabilities")
    if parsed.value is None:
        return Outcome(None, parsed.diagnostics)
    mode = parsed.value.find("cpu/mode[@name='host-model'][@supported='yes']")
    model = None if mode is None else (mode.findtext("model") or "").strip()
    if mode is None or not model:
        return Outcome(None)
    return Outcome(HostModel(type=kind, model=model, features=tuple(sorted(_features(mode)))))


def _features(mode: _Element) -> Iterator[tuple[str, str]]:
    for feature in mode.iterfind("feature"):
        name, policy = feature.get("name", ""), feature.get("policy", "")
        if name not in _BLOCKS_MIGRATION and policy in ("require", "disable"):
            yield name, policy
