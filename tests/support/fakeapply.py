"""A libvirt to write to, for golden cases of apply: `fakehost` plus files that change.

libvirt/refuse          words, one a line: what holds one of them is refused by this libvirt

The state folder is state/ in the case's folder, so that nothing is left on this machine.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvmc.apply import libvirt_writer
from kvmc.apply.live import live_of
from kvmc.apply.model import HypervisorError
from kvmc.apply.steps import Live, Step, Work, digest
from kvmc.commands import session
from tests.support import fakehost
from tests.support.hypervisor import name_of

if TYPE_CHECKING:
    import pytest

    from kvmc.host.tree import Tree


HOST_FOLDER = "state/kvmc/hosts/kvm-07-qemu-system"
PID = 4711
UUID = "11111111-2222-3333-4444-555555555555"

_DOMAIN = """<domain type='qemu'{id}>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='KiB'>65536</memory>
  <currentMemory unit='KiB'>65536</currentMemory>
  <vcpu placement='static' cpuset='0-3' current='{count}'>{ceiling}</vcpu>
  <cputune>
{pins}  </cputune>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
  </os>
  <cpu>
    <topology sockets='1' dies='1' cores='{ceiling}' threads='1'/>
  </cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
  </devices>
</domain>
"""


def domain(name: str, pins: str, count: int = 2, number: int | None = None) -> str:
    """Return a domain with the vCPU pins `0 1 2`, running where it has a number."""
    cpus = pins.split()
    elements = "".join(f"    <vcpupin vcpu='{i}' cpuset='{cpu}'/>\n" for i, cpu in enumerate(cpus))
    elements += "    <emulatorpin cpuset='0-3'/>\n"
    running = f" id='{number}'" if number is not None else ""
    return _DOMAIN.format(
        name=name, uuid=UUID, id=running, count=count, ceiling=len(cpus), pins=elements
    )


def make(folder: Path, name: str = "web", pins: str = "0 1 2", *, count: int = 2) -> None:
    """Write a domain that runs."""
    libvirt = folder / "libvirt"
    libvirt.mkdir(exist_ok=True)
    (libvirt / f"{name}.xml").write_text(domain(name, pins, count), "utf-8")
    (libvirt / f"{name}.live.xml").write_text(domain(name, pins, count, 7), "utf-8")


class Writer(fakehost._Reader):  # noqa: SLF001 (its other half)
    """`libvirt_writer.Writer` over the files of a folder."""

    def __init__(self, uri: str, *, read_only: bool = False, **_: Tree) -> None:
        super().__init__(uri, read_only=read_only)

    def definition(self, name: str) -> str | None:
        file = Path(f"libvirt/{name}.xml")
        return file.read_text("utf-8") if file.exists() else None

    def define(self, xml: str) -> None:
        name = name_of(xml)
        self._called(f"libvirt refuses the definition: {name}", xml)
        if "<uuid>" not in xml:
            xml = xml.replace("</name>", f"</name>\n  <uuid>{UUID}</uuid>")
        Path(f"libvirt/{name}.xml").write_text(xml, "utf-8")

    def live(self, name: str) -> Live | None:
        file = Path(f"libvirt/{name}.live.xml")
        return live_of(file.read_text("utf-8"), self.online(), {}) if file.exists() else None

    def run(self, name: str, step: Step) -> None:
        self._called(f"{name}: `{step}`")
        file = Path(f"libvirt/{name}.live.xml")
        patterns = {
            "vcpupin": (rf"(vcpu='{step.target}' cpuset=')[^']*", rf"\g<1>{step.value}"),
            "vcpus": (r"(current=')\d+", rf"\g<1>{step.value}"),
        }
        found, new = patterns[step.kind]
        file.write_text(re.sub(found, new, file.read_text("utf-8")), "utf-8")

    def start(self, name: str) -> None:
        self._called(f"start {name}")
        text = (self.definition(name) or "").replace("<domain ", "<domain id='8' ")
        Path(f"libvirt/{name}.live.xml").write_text(text, "utf-8")

    def _called(self, call: str, more: str = "") -> None:
        assert not self.read_only
        file = Path("libvirt/refuse")
        words = file.read_text("utf-8").splitlines() if file.exists() else ()
        if any(word in call + more for word in words):
            raise HypervisorError(call)


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let kvmc write to the folder in place of libvirt, and keep its state there."""
    fakehost.patch(monkeypatch)
    Path("libvirt").mkdir(exist_ok=True)
    monkeypatch.setattr(libvirt_writer, "Writer", Writer)
    monkeypatch.setattr(session, "WAIT_SECONDS", 0.0)
    monkeypatch.setenv("XDG_STATE_HOME", str(Path("state").resolve()))


def leave_journal(folder: Path, works: tuple[Work, ...], *records: dict[str, Any]) -> None:
    """Write what an apply of process PID left behind when it was killed."""
    header = {
        "kvmc": 1,
        "uri": "qemu:///system",
        "pid": PID,
        "trial": False,
        "works": [work.to_json() for work in works],
    }
    state = folder / HOST_FOLDER
    state.mkdir(parents=True)
    lines = "".join(json.dumps(line) + "\n" for line in (header, *records))
    (state / "journal.jsonl").write_text(lines, "utf-8")


def killed(folder: Path, *, live: bool = False) -> None:
    """Write web's new definition and the journal of an apply that was killed behind it.

    With `live` it was killed after its commit, else before.
    """
    old, new = domain("web", "0 1 2"), domain("web", "4 5 6")
    had = Live(vcpus=2, vcpupins=((0, "0"), (1, "1"), (2, "2")), emulator="0-3")
    steps = tuple(Step(kind="vcpupin", target=str(i), value=str(i + 4)) for i in range(3))
    work = Work(name="web", uuid="u", old=old, new=new, live=had, steps=steps)
    make(folder)
    (folder / "libvirt" / "web.xml").write_text(new, "utf-8")
    records: list[dict[str, Any]] = [{"defined": "web", "digest": digest(new)}, {"commit": True}]
    leave_journal(folder, (work,), *records[: 1 + live])
