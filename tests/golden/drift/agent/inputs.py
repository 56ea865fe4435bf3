"""Guests with and without an agent; 'wrong' sees one socket, 'mute' and 'strange' do not tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import fakehost
from tests.support.fakehost import patch
from tests.support.paths import GOLDEN

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make", "patch"]

_DOMAIN = """<domain type='kvm'{id}>
  <name>{name}</name>
  <uuid>11111111-2222-3333-4444-55555555555{number}</uuid>
  <memory unit='GiB'>1</memory>
  <vcpu>6</vcpu>
  <cpu mode='custom' match='exact'>
    <model fallback='allow'>Broadwell</model>
    <topology sockets='3' dies='1' cores='1' threads='2'/>
  </cpu>
  <devices>{channel}</devices>
</domain>
"""
_CHANNEL = (
    "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'{state}/></channel>"
)
_STATES = {
    "right": " state='connected'",
    "wrong": " state='connected'",
    "mute": " state='connected'",
    "strange": " state='connected'",
    "asleep": " state='disconnected'",
}


def make(folder: Path) -> None:
    fakehost.write_cpus(folder, online="0-7", isolated="", nohz_full="")
    libvirt = folder / "libvirt"
    libvirt.mkdir()
    for number, name in enumerate(("asleep", "bare", "mute", "right", "strange", "wrong")):
        fakehost.write_qemu(folder, 100 + number, f"11111111-2222-3333-4444-55555555555{number}")
        fakehost.write_thread(folder, 100 + number, 100 + number, "CPU 0/KVM", "0-7")
        for end, state in ((".xml", ""), (".live.xml", _STATES.get(name, ""))):
            channel = _CHANNEL.format(state=state) if name in _STATES else ""
            text = _DOMAIN.format(name=name, number=number, channel=channel, id="")
            (libvirt / f"{name}{end}").write_text(text, "utf-8")
    for name, file in (("right", "right"), ("wrong", "cores"), ("strange", "meminfo")):
        told = (GOLDEN / "drift" / "guest" / f"{file}.txt").read_text("utf-8")
        (libvirt / f"{name}.agent").write_text(told, "utf-8")
