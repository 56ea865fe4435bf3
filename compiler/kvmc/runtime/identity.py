"""Who a process or thread is, from its arguments and its name: QEMU's own conventions.

Thread names come with `-name ...,debug-threads=on`: QEMU softmmu/cpus.c and accel/*/ (`CPU 0/KVM`,
`CPU 0/TCG`, `ALL CPUs/TCG`), iothread.c (`IO ID`), each cut at 15 bytes by the kernel.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["vcpu", "iothread", "emulator", "vhost"]

_VCPU = re.compile(r"CPU (\d+)/[A-Z]")
_RUN_SOCKET = re.compile(r",path=[^,]*/kvmc/[^/,]+/qmp(,|$)")
_VHOST = re.compile(r"vhost-(\d+)")


class Role(Struct, frozen=True, kw_only=True):
    """What a thread of QEMU does."""

    kind: Kind
    name: str = ""
    """The vCPU's number or the I/O thread's name; "" for the others."""

    def __str__(self) -> str:
        """Return the words for a table: `vCPU 3`, `iothread1`, `emulator`."""
        if self.kind == "vcpu":
            return f"vCPU {self.name}"
        return self.name if self.name.startswith(self.kind) else f"{self.kind} {self.name}".rstrip()


def is_qemu(command: Sequence[str]) -> bool:
    """Whether a process is a system emulator, by the file name it was started with."""
    program = command[0].rpartition("/")[2] if command else ""
    return program.startswith("qemu-system-") or program in ("qemu-kvm", "kvm")


def guest_name(command: Sequence[str]) -> str:
    """Return the guest's name from `-name [guest=]NAME[,...]`; "" without one."""
    found = ""
    for option, value in pairwise(command):
        if option in ("-name", "--name"):
            found = next((n for n in map(_name_of, _split(value)) if n), "")
    return found


def _split(value: str) -> list[str]:
    """Split QEMU's key=value list at single commas (util/keyval.c: `,,` is a comma)."""
    return [part.replace("\0", ",") for part in value.replace(",,", "\0").split(",")]


def _name_of(part: str) -> str:
    key, equals, value = part.partition("=")
    if not equals:
        return part
    return value if key == "guest" else ""


def has_thread_names(command: Sequence[str]) -> bool:
    """Whether QEMU names its threads, so that vCPUs can be told from the rest."""
    return any(
        option in ("-name", "--name") and {"debug-threads=on", "debug-threads"} & set(_split(value))
        for option, value in pairwise(command)
    )


def starter(command: Sequence[str], *, registered: bool) -> Literal["kvmc", "libvirt", "hand"]:
    """Return who started a QEMU, by the folders its sockets stand in."""
    if registered or any(_RUN_SOCKET.search(argument) for argument in command):
        return "kvmc"
    return "libvirt" if any("/libvirt/qemu/" in argument for argument in command) else "hand"


def role_of(thread: str, *, main: bool) -> Role:
    """Return what a thread of QEMU does, by its name; `main`: it is the process's first thread.

    libvirt's `mon_iothread` serves the monitor, and to libvirt it is an emulator thread.
    """
    vcpu = _VCPU.match(thread)
    if vcpu and not main:
        return Role(kind="vcpu", name=vcpu[1])
    if thread.startswith("ALL CPUs/"):
        return Role(kind="vcpu", name="all")
    if thread.startswith("IO ") and thread != "IO mon_iothread":
        return Role(kind="iothread", name=thread[3:])
    return Role(kind="vhost" if _VHOST.fullmatch(thread) else "emulator")


def vhost_owner(thread: str) -> int | None:
    """Return the pid of the QEMU that a vhost thread of the kernel works for (before Linux 6.4)."""
    match = _VHOST.fullmatch(thread)
    return int(match[1]) if match else None
