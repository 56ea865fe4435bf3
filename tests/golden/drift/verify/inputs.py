"""A guest that runs elsewhere, in a cgroup that is too small, and with company."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import fakehost
from tests.support.fakehost import patch

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make", "patch"]

_UUID = "11111111-2222-3333-4444-555555555552"
_SCOPE = "/machine.slice/drifted.scope/libvirt"


def make(folder: Path) -> None:
    fakehost.write_cpus(folder, online="0-7", isolated="", nohz_full="")
    fakehost.write_qemu(folder, 200, _UUID)
    threads = (("qemu-system-x86", "0-1", "emulator"), ("CPU 0/KVM", "5", "vcpu0"))
    threads += (("CPU 1/KVM", "6", "vcpu1"), ("CPU 2/KVM", "4", "vcpu2"))
    for tid, (name, cpus, group) in enumerate(threads, 200):
        cgroup = f"{_SCOPE}/{group}"
        fakehost.write_thread(folder, 200, tid, name, cpus, last=tid % 4, cgroup=cgroup)
    fakehost.write_cgroup(folder, "/", "0-7")
    fakehost.write_cgroup(folder, f"{_SCOPE}/vcpu1", "5")
    fakehost.write_thread(folder, 90, 90, "irq/45-nvme0q3", "6", flags=0x00200000)
    fakehost.write_thread(folder, 91, 91, "ksoftirqd/6", "6", flags=0x04200000)
    fakehost.write_thread(folder, 92, 92, "backup", "3,7")
