"""A real Linux guest for tests: Debian's cloud kernel, busybox, and a report on the serial line.

    kernel, initrd = kernel_and_initrd(tmp_path)   skips where there is none, fails where CI is set
    start QEMU with both, CMDLINE, and the serial line in a file
    wait_for(serial, READY, seconds)               waits for a line, returns the whole text
    report(text)                                   what the guest sees of its CPUs and memory
    agent_kernel_and_initrd(tmp_path)              the same with Debian's qemu-guest-agent, for a
                                                   guest with its virtio channel
    python_kernel_and_initrd(tmp_path, script)     the same with Python, kvmc and a script to run

The guest brings CPUs online that were hot-added, and prints `kvmc-online LIST` at each change. It
never ends by itself.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import sysconfig
import time
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NoReturn

import pytest
from msgspec import Struct

from tests.support.paths import REPO

if TYPE_CHECKING:
    from collections.abc import Mapping

CMDLINE = "console=ttyS0 quiet panic=-1"
"""The kernel's command line: the report goes to the first serial line."""
READY = "kvmc-ready"
"""The line that ends the report."""

_FETCH_SECONDS = 300
_INIT = r"""#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
exec >/dev/ttyS0 2>&1 </dev/null
[ ! -e /agent ] || /bin/busybox sh /agent &
cd /sys/devices/system
echo
echo kvmc-cpuinfo
/bin/busybox cat /proc/cpuinfo
for node in node/node[0-9]*; do
    echo kvmc-node ${node##*/node} $(/bin/busybox cat $node/cpulist) \
        $(/bin/busybox awk '/MemTotal/ {print $4}' $node/meminfo)
done
for cpu in cpu/cpu[0-9]*; do
    echo kvmc-cpu ${cpu##*/cpu} $(/bin/busybox cat $cpu/topology/physical_package_id \
        $cpu/topology/die_id $cpu/topology/core_id $cpu/topology/thread_siblings_list)
done
echo kvmc-ready
last=
while :; do
    for online in cpu/cpu[0-9]*/online; do
        [ "$(/bin/busybox cat $online)" = 1 ] || echo 1 >$online
    done 2>/dev/null
    now=$(/bin/busybox cat cpu/online)
    [ "$now" = "$last" ] || echo kvmc-online $now
    last=$now
    /bin/busybox sleep 0.2
done
"""

_MODULES = (
    "virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci",
    "virtio_console",
)  # fmt: skip
"""What a virtio-serial channel takes, in the order in which they need each other."""
_AGENT = r"""
for module in MODULES; do /bin/busybox insmod /modules/$module.ko; done
while :; do
    for port in /sys/class/virtio-ports/*; do
        [ "$(/bin/busybox cat $port/name)" = org.qemu.guest_agent.0 ] || continue
        echo kvmc-agent starts
        LD_LIBRARY_PATH=/lib exec /bin/qemu-ga -m virtio-serial -p /dev/${port##*/} -t /
    done 2>/dev/null
    /bin/busybox sleep 0.1
done
""".replace("MODULES", " ".join(_MODULES))

_NEEDLESS = frozenset(
    ("test", "tests", "site-packages", "idlelib", "lib2to3", "ensurepip", "tkinter", "turtledemo")
)
"""Folders of the standard library that only cost memory."""
_PYTHON = r"""
/bin/busybox mkdir -p /sys/fs/cgroup /tmp
/bin/busybox chmod 1777 /tmp
/bin/busybox mount -t cgroup2 cgroup2 /sys/fs/cgroup
export PATH=/bin PYTHONHOME=/ PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 LD_LIBRARY_PATH=/lib
exec /bin/python /app/SCRIPT >/dev/ttyS1 2>&1
"""


class GuestCpu(Struct, frozen=True, kw_only=True):
    """A CPU as the guest's sysfs shows it."""

    socket: int
    die: int
    core: int
    siblings: str
    """CPU list of the threads of its core, itself included."""


class GuestReport(Struct, frozen=True, kw_only=True):
    """What the guest printed."""

    cpuinfo: str
    """Its /proc/cpuinfo."""
    cpus: dict[int, GuestCpu]
    nodes: dict[int, tuple[str, int]]
    """Node -> its CPU list and its MemTotal in KiB (the kernel's own share is missing)."""
    online: tuple[str, ...]
    """The CPU lists that were online, one after the other."""


def kernel_and_initrd(folder: Path) -> tuple[Path, Path]:
    """Return the paths of a kernel and of an initramfs; the latter is written into the folder.

    Both are readable by every user, as libvirt's QEMU is another one; the folder is not changed.
    """
    source = _sources()
    initrd = folder / "kvmc-guest.cpio.gz"
    if not initrd.exists():
        initrd.write_bytes(_initramfs((source / "busybox").read_bytes(), {}))
        initrd.chmod(0o644)
    return source / "vmlinuz", initrd


def agent_kernel_and_initrd(folder: Path) -> tuple[Path, Path]:
    """Return a kernel and an initramfs whose guest runs an agent where it has the channel for it.

    The agent's libraries are this machine's, as ldd names them.
    """
    source = _sources("agent")
    files = {f"modules/{name}.ko": (source / f"{name}.ko").read_bytes() for name in _MODULES}
    files |= {"agent": _AGENT.encode(), "bin/qemu-ga": (source / "qemu-ga").read_bytes()}
    files |= _libraries(source / "qemu-ga")
    initrd = folder / "kvmc-agent.cpio.gz"
    initrd.write_bytes(_initramfs((source / "busybox").read_bytes(), files))
    initrd.chmod(0o644)
    return source / "vmlinuz", initrd


def python_kernel_and_initrd(folder: Path, *scripts: Path) -> tuple[Path, Path]:
    """Return a kernel and an initramfs whose guest runs the first script as root, on ttyS1.

    With cgroups of version 2, and this Python's standard library, kvmc and what it imports.
    """
    import msgspec
    import qemu.qmp

    import kvmc

    source = _sources()
    program, stdlib = Path(sys.executable).resolve(), Path(sysconfig.get_paths()["stdlib"])
    home = f"lib/{stdlib.name}"
    files = {"agent": _PYTHON.replace("SCRIPT", scripts[0].name).encode()}
    files |= {f"app/{script.name}": script.read_bytes() for script in scripts}
    files |= {"bin/python": program.read_bytes(), **_libraries(program)}
    for module in ("_ssl", "binascii"):  # which qemu.qmp imports
        for needed in stdlib.glob(f"lib-dynload/{module}.*.so"):
            files |= _libraries(needed)
    for needed in Path(str(msgspec.__file__)).parent.glob("*.so"):
        files |= _libraries(needed)
    files |= _modules(stdlib, home)
    for package in (kvmc, msgspec, qemu.qmp):
        place = f"app/{package.__name__.replace('.', '/')}"
        files |= _modules(Path(str(package.__file__)).parent, place)
    initrd = folder / "kvmc-python.cpio.gz"
    initrd.write_bytes(_initramfs((source / "busybox").read_bytes(), files))
    initrd.chmod(0o644)
    return source / "vmlinuz", initrd


def _modules(package: Path, place: str) -> dict[str, bytes]:
    """Return the modules below a folder, by their paths in the guest."""
    found = (path for kind in ("*.py", "*.so") for path in package.rglob(kind))
    inside = ((path.relative_to(package), path) for path in found)
    return {
        f"{place}/{name}": path.read_bytes()
        for name, path in inside
        if not _NEEDLESS & set(name.parts[:-1])
    }


def _libraries(program: Path) -> dict[str, bytes]:
    """Return the shared libraries of a program, in lib/; its loader where the program wants it."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    if done.returncode or "not found" in done.stdout:
        _absent(f"no libraries for {program.name}: {done.stdout}{done.stderr}")
    found = {}
    for line in done.stdout.splitlines():
        name, _, path = line.strip().partition(" (")[0].partition(" => ")
        if path:
            found[f"lib/{name}"] = Path(path).read_bytes()
        elif name.startswith("/"):
            found[name[1:]] = Path(name).read_bytes()
    return found


def wait_for(serial: Path, line: str, seconds: float = 60) -> str:
    """Return the serial file's text once it has a line that starts so; else fail the test."""
    end = time.monotonic() + seconds
    wanted = re.compile(rf"^{re.escape(line)}\b", re.MULTILINE)
    while True:
        text = serial.read_text("utf-8", "replace").replace("\r", "") if serial.exists() else ""
        if wanted.search(text):
            return text
        if time.monotonic() > end:
            pytest.fail(f"no {line!r} from the guest in {seconds} s; it said: {text[-2000:]}")
        time.sleep(0.1)


def report(text: str) -> GuestReport:
    """Read what the guest printed on its serial line."""
    clean = text.replace("\r", "")
    info = re.search(r"^kvmc-cpuinfo\n(.*?)^kvmc-node", clean, re.MULTILINE | re.DOTALL)
    cpus = re.findall(r"^kvmc-cpu (\d+) (\d+) (\d+) (\d+) (\S+)$", clean, re.MULTILINE)
    # A node without CPUs has an empty list.
    nodes = re.findall(r"^kvmc-node (\d+) (?:(\S+) )?(\d+)$", clean, re.MULTILINE)
    return GuestReport(
        cpuinfo=info[1] if info else "",
        cpus={
            int(i): GuestCpu(socket=int(s), die=int(d), core=int(c), siblings=t)
            for i, s, d, c, t in cpus
        },
        nodes={int(i): (cpulist, int(kib)) for i, cpulist, kib in nodes},
        online=tuple(re.findall(r"^kvmc-online (\S+)$", clean, re.MULTILINE)),
    )


def _absent(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _sources(*which: str) -> Path:
    found = _fetched(*which)
    if isinstance(found, str):
        _absent(f"no kernel for a guest: {found}")
    return found


@cache
def _fetched(*which: str) -> Path | str:
    """Return the folder that .ci/guest-kernel filled, or why it could not."""
    try:
        done = subprocess.run(
            [str(REPO / ".ci" / "guest-kernel"), *which],
            capture_output=True,
            text=True,
            timeout=_FETCH_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as reason:
        return str(reason)
    return Path(done.stdout.strip()) if done.returncode == 0 else done.stderr.strip()


def _initramfs(busybox: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return a compressed cpio archive (newc) that holds busybox, /init and other files."""
    folders = {"bin", "dev", "proc", "sys"}
    folders |= {str(parent) for name in files for parent in PurePosixPath(name).parents} - {"."}
    entries = [_entry(name, 0o040755) for name in sorted(folders)]
    entries += [_entry(name, 0o100755, content) for name, content in sorted(files.items())]
    entries.append(_entry("bin/busybox", 0o100755, busybox))
    entries.append(_entry("init", 0o100755, _INIT.encode()))
    entries.append(_entry("dev/console", 0o020600, device=(5, 1)))
    entries.append(_entry("TRAILER!!!", 0))
    return gzip.compress(b"".join(entries), compresslevel=1, mtime=0)


def _entry(name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    """Return one member; the format: Documentation/driver-api/early-userspace/buffer-format.rst."""
    path = name.encode() + b"\0"
    inode = sum(path) * len(path)  # only its being there matters: nothing is hard-linked
    fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)
