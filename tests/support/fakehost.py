"""A host for golden cases of diff and verify: domains in files, threads in a made-up /proc.

libvirt/NAME.xml        the inactive XML
libvirt/NAME.live.xml   the live XML of a domain that runs
libvirt/NAME.saved      an empty file: a managed save image waits
libvirt/NAME.agent      its guest agent answers, with this as its /proc/cpuinfo
libvirt/online          the host's online CPUs (default 0-7)
machine/                proc/ and sys/ of the machine
"""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Self

from kvmc.apply import libvirt_driver
from kvmc.apply.model import HostIdentity, HypervisorError, Observed
from kvmc.commands import looking
from kvmc.cpuset import CpuSet
from kvmc.host.probe import FolderTree
from kvmc.render.xmltree import parse

if TYPE_CHECKING:
    import pytest

_PATIENCE = 5


class _Reader:
    """`libvirt_driver.Reader` over the files of a folder."""

    def __init__(self, uri: str, *, read_only: bool = True) -> None:
        self.uri = uri
        self.read_only = read_only

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def host(self) -> HostIdentity:
        local = libvirt_driver.is_local(self.uri)
        return HostIdentity(
            uri=self.uri, hostname="kvm-07", driver="QEMU", libvirt="9.0.0", local=local
        )

    def online(self) -> CpuSet:
        return CpuSet.parse((_text("libvirt/online") or "0-7").strip())

    def ask_agent(self, name: str, command: str, seconds: int) -> str:
        """Answer as an agent whose guest has one file, which it gives in two pieces."""
        assert not self.read_only, "libvirt refuses that to a read-only connection"
        assert 0 < seconds <= _PATIENCE
        text = _text(f"libvirt/{name}.agent")
        if text is None:
            raise HypervisorError("Guest agent is not responding: not connected")
        asked = json.loads(command)
        half = len(text) // 2
        pieces = {0: (text[:half], 1), 1: (text[half:], 2)}
        match asked["execute"]:
            case "guest-file-open":
                assert asked["arguments"]["path"] == "/proc/cpuinfo"
                self.at = 0
                answer: object = 1000
            case "guest-file-read":
                piece, self.at = pieces[self.at]
                data = b64encode(piece.encode()).decode()
                answer = {"count": len(piece), "buf-b64": data, "eof": self.at == len(pieces)}
            case _:
                answer = {}
        return json.dumps({"return": answer})

    def domains(self) -> tuple[Observed, ...]:
        files = Path("libvirt").glob("*.xml")
        return tuple(_domain(name) for name in sorted({f.name.partition(".")[0] for f in files}))


def _domain(name: str) -> Observed:
    inactive, live = (_text(f"libvirt/{name}{end}") for end in (".xml", ".live.xml"))
    root = parse((inactive or live or "").encode(), name, None).value
    return Observed(
        name=name,
        uuid=root.all("uuid")[0].text if root else "",
        state="running" if live else "shut off",
        inactive=inactive,
        live=live,
        managed_save=Path(f"libvirt/{name}.saved").exists(),
    )


def _text(path: str) -> str | None:
    file = Path(path)
    return file.read_text("utf-8") if file.is_file() else None


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let kvmc see the folder's host in place of libvirt's and this machine's."""
    monkeypatch.setattr(libvirt_driver, "Reader", _Reader)
    monkeypatch.setattr(looking, "this_machine", lambda: FolderTree(Path("machine").resolve()))


def write_thread(folder: Path, pid: int, tid: int, name: str, cpus: str, **given: object) -> None:
    """Write a thread's files below machine/; numbers of stat's fields as in proc(5)."""
    fields = {3: "S", 9: given.get("flags", 0), 39: given.get("last", 0)}
    fields |= {40: given.get("priority", 0), 41: given.get("policy", 0)}
    task = folder / f"machine/proc/{pid}/task/{tid}"
    task.mkdir(parents=True)
    stat = " ".join(str(fields.get(i, 0)) for i in range(3, 53))
    (task / "stat").write_text(f"{tid} ({name}) {stat}\n", "utf-8")
    (task / "status").write_text(f"Name:\t{name}\nCpus_allowed_list:\t{cpus}\n", "utf-8")
    (task / "cgroup").write_text(f"0::{given.get('cgroup', '/')}\n", "utf-8")


def write_qemu(folder: Path, pid: int, uuid: str) -> None:
    """Write the command line by which a guest's process is found."""
    file = folder / f"machine/proc/{pid}/cmdline"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"/usr/bin/qemu-system-x86_64\0-uuid\0{uuid}\0", "utf-8")


def write_cpus(folder: Path, **lists: str) -> None:
    """Write online, isolated, nohz_full below machine/sys."""
    cpu = folder / "machine/sys/devices/system/cpu"
    cpu.mkdir(parents=True)
    for name, cpus in lists.items():
        (cpu / name).write_text(f"{cpus}\n", "utf-8")


def write_cgroup(folder: Path, path: str, effective: str) -> None:
    """Write a cgroup's effective CPUs, version 2."""
    cgroup = folder / f"machine/sys/fs/cgroup{path}"
    cgroup.mkdir(parents=True, exist_ok=True)
    (cgroup / "cpuset.cpus.effective").write_text(f"{effective}\n", "utf-8")
