"""What a guest does with kvmc and cgroups of version 2; run in it, as root, by Python.

Prints a JSON object a line: what `kvmc run` and `hotplug` would make of a made-up QEMU's threads in
one place, and what is left when it has ended; then `done`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from kvmc.runtime.confine import confine_vcpus, release_vcpu
from kvmc.runtime.launch import start, wait
from kvmc.runtime.limits import Limits
from kvmc.runtime.orders import Orders
from kvmc.runtime.process import end
from kvmc.runtime.qmp_driver import Monitor

ROOT = Path("/sys/fs/cgroup")
FAKE = Path(__file__).with_name("fake_qemu.py")
BOTH = Limits(shares=2048, quota=20000)


def main() -> None:
    """Try the topmost group, and one with processes of its own, as root and as a user."""
    inner = ROOT / "scope"
    _switch(ROOT, "+cpu")
    inner.mkdir()
    _say("root", _in(ROOT, BOTH))
    _say("shares", _in(ROOT, Limits(shares=1 << 18)))
    _say("scope", _in(inner, BOTH))
    _say("user", _in(inner, BOTH, user=1000))
    for path in (inner, *(inner / f"cgroup.{name}" for name in ("procs", "subtree_control"))):
        os.chown(path, 1000, 1000)
    _say("delegated", _in(inner, BOTH, user=1000))
    _switch(inner, "-cpu")
    _switch(ROOT, "-cpu")
    _say("bare", _in(inner, BOTH, user=1000))
    sys.stdout.write("done\n")


def _switch(group: Path, controller: str) -> None:
    (group / "cgroup.subtree_control").write_text(controller, "ascii")


def _say(place: str, found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"place": place, **found}) + "\n")
    sys.stdout.flush()


def _in(group: Path, limits: Limits, user: int = 0) -> dict[str, Any]:
    """Return what a child saw that joined a group and became a user."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        (group / "cgroup.procs").write_text(str(os.getpid()), "ascii")
        os.setuid(user)
        with os.fdopen(writing, "w") as report:
            report.write(json.dumps(_run(limits)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        found: dict[str, Any] = json.load(answer)
    os.waitpid(child, 0)
    return found


def _run(limits: Limits) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp())
    orders = Orders(
        name="web", count=2, max=3, vcpus={}, emulator=None, iothreads={}, classes={}, limits=limits
    )
    words = [sys.executable, str(FAKE), "-smp 2", f"id=qmp,path={folder}/qmp"]
    started = start(orders, words, folder, strict=False, seconds=60)
    guest = started.guest
    found: dict[str, Any] = {"said": [d.message for d in started.said], "group": None, "left": []}
    if guest.group is not None:
        found["group"] = str(guest.group.path).replace(str(guest.pid), "PID")
        found["made"] = _tree(guest.group.path)
        with Monitor("web", guest.socket) as monitor:
            again = confine_vcpus(monitor, orders, guest.group, 1)
        release_vcpu(guest.group, 7)
        found["again"] = [d.message for d in again]
    end(started.process)
    wait(started)
    found["left"] = [str(path) for path in sorted(ROOT.glob("**/kvmc-*"))]
    return found


def _tree(group: Path) -> dict[str, Any]:
    """Return group -> its type, limits and how many threads it has."""
    return {
        path.name if path != group else "": {
            "type": _text(path / "cgroup.type"),
            "weight": _text(path / "cpu.weight"),
            "max": _text(path / "cpu.max"),
            "threads": len(_text(path / "cgroup.threads").split()),
        }
        for path in (group, *sorted(p for p in group.iterdir() if p.is_dir()))
    }


def _text(path: Path) -> str:
    return path.read_text("ascii").strip()


if __name__ == "__main__":
    main()
