"""What `kvmc run`, `hotplug` and `ps` meet on a machine, made up: QEMU, its monitor, and /proc."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from kvmc.diagnostics import Outcome
from kvmc.host.model import Core, Host

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

FAKE = Path(__file__).parent / "fake_qemu.py"
PID = 4711
STARTED = 100


def install_qemu(folder: Path) -> None:
    """Write the made-up QEMU into a folder, as the program `qemu`."""
    program = folder / "qemu"
    program.write_text(f"#!{sys.executable}\n{FAKE.read_text('utf-8')}", "utf-8")
    program.chmod(0o755)


def isolate(patch: pytest.MonkeyPatch, *, fault: str = "") -> None:
    """Keep the runtime folder below the working one, and this machine out; two CPUs, one core each.

    `fault`: one of fake_qemu's.
    """
    patch.setenv("XDG_RUNTIME_DIR", str(Path.cwd()))
    patch.setenv("FAKE_QEMU", fault)
    patch.setattr("kvmc.runtime.guests.SYSTEM", Path("no-such-folder"))
    patch.setattr("kvmc.runtime.cgroupfs.MOUNTS", Path("no-such-file"))
    patch.setattr("os.sched_setaffinity", lambda _thread, _cpus: None)
    patch.setattr("kvmc.runtime.pinning.allowed", lambda _pid, _threads: {})
    this_machine(patch, (0,), (1,))


def this_machine(patch: pytest.MonkeyPatch, *cores: tuple[int, ...]) -> None:
    """Make this machine one with these cores."""
    host = Host(name="here", cores=tuple(Core(cpus=core, node=0) for core in cores))
    patch.setattr("kvmc.host.probe.probe_sysfs", lambda _root, _name: Outcome(host))


def register(folder: Path, name: str = "web", count: int = 2, ceiling: int = 4) -> None:
    """Write a guest down below a runtime folder, as process PID."""
    place = folder / "kvmc" / name
    place.mkdir(parents=True)
    orders = {
        "name": name,
        "count": count,
        "max": ceiling,
        "vcpus": {str(i): str(i % 2) for i in range(ceiling)},
        "emulator": None,
        "iothreads": {},
        "classes": {},
        "limits": {"shares": None, "period": None, "quota": None},
    }
    data = {"kvmc": "v1", "kind": "guest", "pid": PID, "started": STARTED, "plugs": 0}
    data |= {"group": None}
    (place / "guest.json").write_text(json.dumps({**data, "orders": orders}), "utf-8")


def alive(patch: pytest.MonkeyPatch) -> None:
    """Make process PID one that runs."""
    patch.setattr("kvmc.runtime.guests.start_time", lambda pid: STARTED if pid == PID else None)


class Slots:
    """QEMU's monitor as far as hotplug goes; an instance takes the place of the class Monitor.

    `plugged`: vCPUs of the boot and hot-added ones; `unplug`: what the guest does when asked
    ("gives", "declines", or nothing); `kvm`: whether the accelerator is KVM.
    """

    def __init__(
        self, boot: int, added: Sequence[int] = (), *, ceiling: int = 4, unplug: str = "gives",
        kvm: bool = True,
    ) -> None:  # fmt: skip
        self.paths: dict[int, str | None] = dict.fromkeys(range(ceiling))
        self.paths |= {i: f"/machine/unattached/device[{i}]" for i in range(boot)}
        self.paths |= {i: f"/machine/peripheral/vcpu{i}" for i in added}
        self.unplug, self.kvm = unplug, kvm
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, _name: str, _socket: Path) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, command: str, **arguments: str) -> Any:
        return self.ask_with(command, arguments)

    def ask_with(self, command: str, arguments: dict[str, Any]) -> Any:
        self.asked.append((command, dict(arguments)))
        if command == "query-hotpluggable-cpus":
            return [self._slot(i) for i in sorted(self.paths, reverse=True)]  # as QEMU does
        if command == "query-cpus-fast":
            return [{"cpu-index": i, "thread-id": PID + 1 + i} for i, p in self.paths.items() if p]
        if command == "query-kvm":
            return {"enabled": self.kvm, "present": True}
        vcpu = int(arguments["id"].removeprefix("vcpu"))
        if command == "device_add":
            self.paths[vcpu] = f"/machine/peripheral/vcpu{vcpu}"
        elif command == "device_del" and self.unplug == "gives":
            self.paths[vcpu] = None
        elif command == "device_del" and self.unplug == "declines":
            data = {"device": f"vcpu{vcpu}", "path": self.paths[vcpu]}
            self.events.append(("DEVICE_UNPLUG_GUEST_ERROR", data))
        return {}

    def _slot(self, vcpu: int) -> dict[str, Any]:
        path = self.paths[vcpu]
        slot: dict[str, Any] = {
            "props": {"core-id": 0, "thread-id": 0, "socket-id": vcpu},
            "vcpus-count": 1,
            "type": "Haswell-x86_64-cpu",
        }
        return {**slot, "qom-path": path} if path else slot

    def wait(self, _seconds: float) -> tuple[str, dict[str, Any]] | None:
        return self.events.pop(0) if self.events else None


def write_task(
    root: Path, pid: int, thread: int, name: str, *, allowed: str, cpu: int,
    command: Sequence[str] = (), policy: int = 0, kernel: bool = False, state: str = "S",
) -> None:  # fmt: skip
    """Write one thread into a made-up /proc below a root; a `command` for the process's first."""
    process = root / "proc" / str(pid)
    task = process / "task" / str(thread)
    task.mkdir(parents=True)
    if thread == pid:
        (process / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in command))
    fields = ["0"] * 50
    fields[0], fields[1] = state, "1"
    fields[6] = str(0x00200000 if kernel else 0)
    fields[19], fields[36], fields[38] = str(STARTED), str(cpu), str(policy)
    (task / "stat").write_text(f"{thread} ({name}) {' '.join(fields)}\n", "utf-8")
    (task / "status").write_text(f"Name:\t{name}\nCpus_allowed_list:\t{allowed}\n", "utf-8")


def write_machine(root: Path) -> None:
    """Write a machine with CPUs 0-3: three guests, a pinned program, and the kernel."""
    online = root / "sys" / "devices" / "system" / "cpu" / "online"
    online.parent.mkdir(parents=True)
    online.write_text("0-3\n", "ascii")
    task = write_task
    task(root, 1, 1, "init (1)", allowed="0-3", cpu=0, command=("/sbin/init",))
    task(root, 20, 20, "kworker/2:0", allowed="2", cpu=2, kernel=True)
    task(root, 300, 300, "irqbalance", allowed="2-3", cpu=3, command=("/usr/sbin/irqbalance",))
    task(root, 400, 400, "bash", allowed="0-3", cpu=2, command=("-bash",))
    task(root, 410, 410, "gone", allowed="0-3", cpu=2, state="Z")
    libvirt = ("/usr/bin/qemu-system-x86_64", "-name", "guest=db,,1,debug-threads=on",
               "-chardev", "socket,path=/run/libvirt/qemu/x/monitor.sock")  # fmt: skip
    task(root, 500, 500, "qemu-system-x86", allowed="0-1", cpu=0, command=libvirt)
    task(root, 500, 501, "worker", allowed="0-1", cpu=0)
    task(root, 500, 502, "IO iothread1", allowed="1", cpu=1)
    task(root, 500, 503, "IO mon_iothread", allowed="0-1", cpu=0)
    task(root, 500, 510, "CPU 0/KVM", allowed="2", cpu=2, policy=1)
    task(root, 500, 511, "CPU 10/KVM", allowed="3", cpu=3)
    task(root, 540, 540, "vhost-500", allowed="0-1", cpu=1, kernel=True)
    hand = ("qemu-system-x86_64", "-name", "web,debug-threads=on", "-smp", "1")
    task(root, 600, 600, "qemu-system-x86", allowed="0-3", cpu=2, command=hand)
    task(root, 600, 601, "CPU 0/TCG", allowed="0-3", cpu=3)
    task(root, PID, PID, "qemu-kvm", allowed="0-3", cpu=0, command=("/usr/libexec/qemu-kvm",))
