"""A libvirtd of our own on a made-up host: 4 NUMA nodes, and mounts for huge pages.

It lives in a mount namespace of its own, with its own state, configuration and socket, and is
there to translate domains, not to run them: nothing of the real libvirtd is seen or touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NODES = 4
PAGES = {"2M": 2 << 20, "1G": 1 << 30}
_START_SECONDS = 60
_SYSFS = Path("/sys/devices/system/node")

_SETUP = """set -e
mount --make-rprivate /
mount --bind "$1/nodes" /sys/devices/system/node
for page in 2M 1G; do mount -t hugetlbfs -o pagesize=$page none "$1/huge$page"; done
mkdir -p /run/libvirt /var/cache/libvirt
mount -t tmpfs none /run/libvirt
mount --bind "$1/cache" /var/cache/libvirt
mount --bind "$1/etc" /etc/libvirt
mount -t tmpfs none /var/lib/libvirt
exec "$2" --config "$1/libvirtd.conf" --pid-file "$1/pid"
"""


class NoSandboxError(Exception):
    """This machine cannot have one; the reason is the text."""


class Sandbox(Struct, frozen=True, kw_only=True):
    """A libvirtd that answers."""

    uri: str
    mounts: Mapping[str, int]
    """hugetlbfs mount -> page size in bytes."""


@contextmanager
def sandbox(folder: Path) -> Iterator[Sandbox]:
    """Yield a running libvirtd; raises NoSandboxError where that takes more than we have."""
    daemon = shutil.which("libvirtd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if daemon is None or shutil.which("unshare") is None:
        raise NoSandboxError("libvirtd or unshare is not installed")
    if os.geteuid() != 0 or not _SYSFS.is_dir():
        raise NoSandboxError("only root can make up a host with more NUMA nodes")
    _prepare(folder)
    log = folder / "log"
    with log.open("wb") as out:
        command = ["unshare", "--mount", "sh", "-c", _SETUP, "sh", str(folder), daemon]
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        _wait(process, folder / "sock" / "libvirt-sock", log)
        yield Sandbox(
            uri=f"qemu+unix:///system?socket={folder}/sock/libvirt-sock",
            mounts={f"{folder}/huge{page}": size for page, size in PAGES.items()},
        )
    finally:
        process.terminate()
        process.wait(_START_SECONDS)


def _wait(process: subprocess.Popen[bytes], socket: Path, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > end:
            last = log.read_text("utf-8", "replace").strip().splitlines()[-1:]
            raise NoSandboxError(f"the sandbox did not start: {''.join(last)}")
        time.sleep(0.1)


def _prepare(folder: Path) -> None:
    for name in ("sock", "etc", *(f"huge{page}" for page in PAGES)):
        (folder / name).mkdir()
    # libvirtd would ask QEMU anew what it can, for seconds
    cache = Path("/var/cache/libvirt")
    if cache.is_dir():
        shutil.copytree(cache, folder / "cache")
    else:
        (folder / "cache").mkdir()
    mounts = ", ".join(f'"{folder}/huge{page}"' for page in PAGES)
    (folder / "etc" / "qemu.conf").write_text(f"hugetlbfs_mount = [{mounts}]\n", "utf-8")
    (folder / "libvirtd.conf").write_text(
        f'unix_sock_dir = "{folder}/sock"\nauth_unix_rw = "none"\n', "utf-8"
    )
    _make_nodes(folder / "nodes")


def _make_nodes(nodes: Path) -> None:
    """Write what libnuma and libvirt read of /sys/devices/system/node; all CPUs are on node 0."""
    for node in range(NODES):
        one = nodes / f"node{node}"
        one.mkdir(parents=True)
        for name in ("cpulist", "cpumap"):
            text = (_SYSFS / "node0" / name).read_text("ascii") if node == 0 else "\n"
            (one / name).write_text(text, "ascii")
        distances = " ".join("10" if other == node else "20" for other in range(NODES))
        (one / "distance").write_text(f"{distances}\n", "ascii")
        sizes = f"Node {node} MemTotal: 8388608 kB\nNode {node} MemFree: 8388608 kB\n"
        (one / "meminfo").write_text(sizes, "ascii")
        for size in PAGES.values():
            pages = one / "hugepages" / f"hugepages-{size >> 10}kB"
            pages.mkdir(parents=True)
            for name in ("nr_hugepages", "free_hugepages", "surplus_hugepages"):
                (pages / name).write_text("0\n", "ascii")
    for name in ("has_cpu", "has_memory", "has_normal_memory", "online", "possible"):
        (nodes / name).write_text(f"0-{NODES - 1}\n", "ascii")
