"""Domains of all kinds; the kernel has 'changed' elsewhere than libvirt thinks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import fakehost
from tests.support.fakehost import patch

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make", "patch"]

_UUID = "11111111-2222-3333-4444-55555555555"


def make(folder: Path) -> None:
    fakehost.write_cpus(folder, online="0-7", isolated="", nohz_full="")
    for pid, uuid, first in ((100, "1", "2"), (200, "2", "5"), (300, "3", "2"), (500, "5", "2")):
        fakehost.write_qemu(folder, pid, _UUID + uuid)
        fakehost.write_thread(folder, pid, pid, "qemu-system-x86", "0-1")
        fakehost.write_thread(folder, pid, pid + 1, "CPU 0/KVM", first)
        fakehost.write_thread(folder, pid, pid + 2, "CPU 1/KVM", "6")
        fakehost.write_thread(folder, pid, pid + 3, "CPU 2/KVM", "4" if pid == 200 else "3")
